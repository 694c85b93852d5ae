using System.Net;
using System.Net.Sockets;

namespace Mounted;

/// <summary>What an operator gets wrong is answered with one sentence that names it.</summary>
public sealed class OperatorErrorTests
{
    [ClusterFact]
    public void A_mount_point_that_is_missing_or_not_empty_is_refused()
    {
        using var cluster = Cluster.Started();
        var full = Directory.CreateDirectory(cluster.PathOf("full")).FullName;
        File.WriteAllText(Path.Combine(full, "file"), "here before");
        var file = cluster.PathOf("file");
        File.WriteAllText(file, "no directory");

        Cluster.Zzfs("mount", cluster.ClusterDirectory, cluster.PathOf("none")).FailedWithSentence(cluster.PathOf("none"));
        Cluster.Zzfs("mount", cluster.ClusterDirectory, full).FailedWithSentence("not empty");
        Cluster.Zzfs("mount", cluster.ClusterDirectory, file).FailedWithSentence(file);

        Assert.False(Cluster.IsMounted(full));
        Assert.Equal("here before", File.ReadAllText(Path.Combine(full, "file")));
    }

    [ClusterFact]
    public void A_second_client_with_the_same_key_is_refused()
    {
        using var cluster = Cluster.Started();
        var first = cluster.Mount("first", "--as", "c1");
        var second = Directory.CreateDirectory(cluster.PathOf("second")).FullName;

        Cluster.Zzfs("mount", cluster.ClusterDirectory, second, "--as", "c1").FailedWithSentence("c1");

        Assert.False(Cluster.IsMounted(second));
        File.WriteAllText(Path.Combine(first, "file"), "still served");
        cluster.Unmount(first);
        cluster.Mount("second", "--as", "c1");
    }

    [ClusterFact]
    public void A_client_with_a_key_of_another_cluster_is_refused()
    {
        using var cluster = Cluster.Started();
        using var other = Cluster.Init();
        var key = Path.Combine("c2", "node.key");
        File.Copy(Path.Combine(other.ClusterDirectory, key), Path.Combine(cluster.ClusterDirectory, key), overwrite: true);
        var point = Directory.CreateDirectory(cluster.PathOf("mount")).FullName;

        Cluster.Zzfs("mount", cluster.ClusterDirectory, point, "--as", "c2").FailedWithSentence("key");

        Assert.False(Cluster.IsMounted(point));
    }

    [ClusterFact]
    public void A_port_that_is_taken_stops_up_and_leaves_nothing_running()
    {
        using var cluster = Cluster.Init();
        var address = cluster.Addresses()[0];
        using var taken = new TcpListener(address);
        taken.Start();

        Cluster.Zzfs("up", cluster.ClusterDirectory).FailedWithSentence($"{address.Port}");

        Assert.Empty(ClusterProcesses.Of(cluster.ClusterDirectory));
        taken.Stop();
        Cluster.Zzfs("up", cluster.ClusterDirectory).Succeeded();
    }

    [ClusterFact]
    public void A_directory_without_a_cluster_is_named()
    {
        using var cluster = Cluster.Init();
        var empty = Directory.CreateDirectory(cluster.PathOf("empty")).FullName;

        foreach (var command in new[] { "up", "status" })
        {
            Cluster.Zzfs(command, empty).FailedWithSentence(empty);
        }

        Cluster.Zzfs("mount", empty, empty).FailedWithSentence(empty);
        Cluster.Zzfs("init", cluster.ClusterDirectory).FailedWithSentence(cluster.ClusterDirectory);
        Cluster.Zzfs("bench", "postmark", "--at", cluster.PathOf("none")).FailedWithSentence(cluster.PathOf("none"));
    }

    [RootClusterFact("unshare")]
    public void A_machine_without_the_fuse_device_is_told_so()
    {
        using var cluster = Cluster.Started();
        var point = Directory.CreateDirectory(cluster.PathOf("mount")).FullName;
        Tool.Shell(
            """
            mkdir "$4"
            cp -a /dev/null /dev/zero /dev/urandom "$4"
            exec unshare -m sh -euc 'mount --make-rprivate /; mount --bind "$4" /dev; exec "$1" mount "$2" "$3"' sh "$@"
            """,
            null, [Cluster.Program, cluster.ClusterDirectory, point, cluster.PathOf("dev")]).FailedWithSentence("/dev/fuse");
    }
}
