namespace Mounted;

public sealed class OrdinaryUserTests
{
    private const string Nobody = "65534";

    [RootClusterFact("unshare", "setpriv", "fusermount3")]
    public void An_ordinary_user_mounts_through_fusermount3()
    {
        using var cluster = Cluster.Started();
        var asRoot = cluster.Mount("root");
        Tool.Shell("mkdir -m 1777 shared", asRoot).Succeeded();
        cluster.Unmount(asRoot);
        var point = Directory.CreateDirectory(cluster.PathOf("mount")).FullName;

        // The user's own key, and a device that users may open, as on most machines; it is put in place for these processes only.
        var output = Tool.Shell(
            """
            chown -R "$4:$4" "$2/c3" "$3"
            chmod 0755 "$2"
            mknod "$5/fuse" c 10 229
            chmod 0666 "$5/fuse"
            exec unshare -m sh -euc '
              mount --make-rprivate /
              mount --bind "$5/fuse" /dev/fuse
              exec setpriv --reuid="$4" --regid="$4" --clear-groups --inh-caps=-all sh -euc "
                export HOME=\"$3\"
                \"$1\" mount \"$2\" \"$3\" --as c3
                trap \"\\\"$1\\\" umount \\\"$3\\\"\" EXIT
                echo hello > \"$3/shared/file\"
                cat \"$3/shared/file\"
                stat -c %u \"$3/shared/file\"
              "
            ' sh "$@"
            """,
            null, [Cluster.Program, cluster.ClusterDirectory, point, Nobody, cluster.Folder]).Succeeded();

        Assert.Equal($"hello\n{Nobody}\n", output);
        Assert.DoesNotContain(ClusterProcesses.Of(cluster.ClusterDirectory), process => process.Arguments.Contains("mount"));
    }
}
