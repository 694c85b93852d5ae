namespace Mounted;

/// <summary>The system's own mount(8) and umount(8), as an administrator or /etc/fstab would use them.</summary>
public sealed class MountProgramTests
{
    private const string Helper = "/sbin/mount.fuse.zzfs";

    [RootClusterFact]
    public void Mount_and_umount_of_the_system_work_with_the_type_fuse_zzfs()
    {
        using var cluster = Cluster.Started();
        var point = Directory.CreateDirectory(cluster.PathOf("by-mount")).FullName;
        var isOurs = !Path.Exists(Helper);
        if (isOurs)
            File.CreateSymbolicLink(Helper, Cluster.Program);
        try
        {
            Tool.Run("mount", ["-t", "fuse.zzfs", cluster.ClusterDirectory, point, "-o", "rw,noatime"]).Succeeded();
            Assert.True(Cluster.IsMounted(point));
            File.WriteAllText(Path.Combine(point, "file"), "text");
            Assert.Equal("text", File.ReadAllText(Path.Combine(point, "file")));
            Tool.Run("umount", [point]).Succeeded();
            Assert.False(Cluster.IsMounted(point));
        }
        finally
        {
            if (isOurs)
                File.Delete(Helper);
            if (Cluster.IsMounted(point))
                cluster.Unmount(point);
        }
    }
}
