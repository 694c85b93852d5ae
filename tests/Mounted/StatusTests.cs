using System.Text.Json;

namespace Mounted;

public sealed class StatusTests
{
    private const int Ids = 3;

    [ClusterFact]
    public void Status_has_the_documented_shape_and_the_sleeper_uses_no_cpu()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        var status = cluster.Status();

        Assert.Equal(1, status.F);
        Assert.Equal(JsonValueKind.Number, status.Root.GetProperty("epoch").ValueKind);
        Assert.Equal(["a0", "a1", "a2", "a3"], status.Agreement.Select(ClusterStatus.Id));
        Assert.Equal(["e0", "e1", "e2"], status.Execution.Select(ClusterStatus.Id));
        Assert.All(status.Agreement, node =>
        {
            Assert.True(ClusterStatus.Up(node));
            Assert.Equal(JsonValueKind.Number, node.GetProperty("view").ValueKind);
            Assert.Equal(JsonValueKind.Number, node.GetProperty("executed").ValueKind);
        });
        Assert.All(status.Execution, node =>
        {
            Assert.True(ClusterStatus.Up(node));
            Assert.Equal(JsonValueKind.Number, node.GetProperty("executed").ValueKind);
            Assert.Equal(JsonValueKind.Number, node.GetProperty("checkpoint").ValueKind);
            Assert.Equal(JsonValueKind.String, node.GetProperty("root").ValueKind);
            Assert.Contains(node.GetProperty("complete").ValueKind, new[] { JsonValueKind.True, JsonValueKind.False });
            Assert.Equal("embedded", node.GetProperty("store").GetString());
        });
        Assert.Equal(Ids - 1, status.ExecutionIn("active").Count());
        var sleeper = Assert.Single(status.ExecutionIn("asleep"));

        // Work that keeps the others busy for some seconds; the sleeper must not spend one tick on it.
        var process = cluster.ProcessOf(sleeper);
        var active = cluster.ProcessOf(status.ExecutionIn("active").First());
        var ticks = ClusterProcesses.CpuTicks(process);
        var activeTicks = ClusterProcesses.CpuTicks(active);
        Cluster.Zzfs("bench", "postmark", "--at", mount, "--transactions", "4000").Succeeded();
        Assert.True(ClusterProcesses.CpuTicks(active) > activeTicks, "the active replica did nothing, so this test shows nothing");
        Assert.Equal(ticks, ClusterProcesses.CpuTicks(process));
        Assert.Equal(process, cluster.ProcessOf(sleeper));

        var later = cluster.Status();
        Assert.True(later.Delivered > status.Delivered);
        Assert.Equal([sleeper], later.ExecutionIn("asleep"));
    }

    [ClusterFact]
    public void Up_and_mount_let_go_of_their_output_and_down_leaves_nothing_running()
    {
        using var cluster = Cluster.Init();
        var point = Directory.CreateDirectory(cluster.PathOf("mount")).FullName;

        // $(…) ends only when the last holder of the pipe has closed it.
        Tool.Shell("x=$(\"$1\" up \"$2\" 2>&1); y=$(\"$1\" mount \"$2\" \"$3\" 2>&1); echo bytes > \"$3/file\"; cat \"$3/file\"; z=$(\"$1\" umount \"$3\" 2>&1); \"$1\" down \"$2\"",
            null, [Cluster.Program, cluster.ClusterDirectory, point]).Succeeded();

        Assert.Empty(ClusterProcesses.Of(cluster.ClusterDirectory));
        Assert.False(Cluster.IsMounted(point));
        Cluster.Zzfs("down", cluster.ClusterDirectory).Succeeded();
    }

    [ClusterFact]
    public void What_was_written_is_there_after_down_and_up()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        Manifest.MakeTree(mount);
        var manifest = Manifest.Of(mount);
        cluster.Unmount(mount);

        Cluster.Zzfs("down", cluster.ClusterDirectory).Succeeded();
        Cluster.Zzfs("up", cluster.ClusterDirectory).Succeeded();

        Assert.Equal(manifest, Manifest.Of(cluster.Mount("again")));
    }
}
