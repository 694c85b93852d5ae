namespace Mounted;

/// <summary>Retained checkpoints under the mount, and <c>zzfs snapshot</c>.</summary>
public sealed class SnapshotTests
{
    [RootClusterFact]
    public void What_was_is_read_below_the_hidden_directory()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        Tool.Shell("mkdir d; echo first >d/f; ln d/f d/g; ln -s f d/s; head -c 300000 /dev/urandom >d/big; cp -a d ../copy; sync d/f", mount).Succeeded();
        Assert.Equal("There is no snapshot yet.\n", Cluster.Zzfs("snapshot", "list", cluster.ClusterDirectory).Succeeded());
        var said = Cluster.Zzfs("snapshot", "keep", cluster.ClusterDirectory, "before").Succeeded();
        Assert.Matches("^Snapshot [0-9]+ is kept as before; a mount has it in .zzfs/snapshot/[0-9]+[.]\n$", said);

        // Others come and go; this one stays.
        Tool.Shell("echo second >d/f; rm d/g d/s; echo new >d/new; truncate -s 5 d/big", mount).Succeeded();
        Cluster.Zzfs("snapshot", "keep", cluster.ClusterDirectory, "after").Succeeded();
        for (var i = 0; i < 3; i++)
        {
            Cluster.Zzfs("snapshot", "keep", cluster.ClusterDirectory, "passing").Succeeded();
            Cluster.Zzfs("snapshot", "drop", cluster.ClusterDirectory, "passing").Succeeded();
        }

        var list = Cluster.Zzfs("snapshot", "list", cluster.ClusterDirectory).Succeeded();
        Assert.Matches("(?m)^[0-9]+ +20[0-9T:-]+Z  before$", list);
        Assert.Matches("(?m)^[0-9]+ +20[0-9T:-]+Z  after$", list);
        const string Checks = """
            refuses() { if "$@" 2>/dev/null; then echo "$* did not fail" >&2; exit 1; fi; }
            cd .zzfs/snapshot/before/
            diff -r . ../../../../copy-parent
            test "$(cat d/f)" = first
            test "$(stat -c %i d/f)" = "$(stat -c %i d/g)"
            test "$(stat -c %i d/f)" != "$(stat -c %i ../../../d/f)"
            test "$(stat -c %h d/f)" = 2
            test "$(cat ../after/d/f)" = second
            test ! -e ../after/d/g
            cp -a d ../../../restored
            cd ../../..
            diff -r restored .zzfs/snapshot/before/d
            test "$(ls -A)" = "$(printf 'd\nrestored')"
            test -z "$(find . -name .zzfs)"
            refuses touch .zzfs/snapshot/before/x
            refuses rm .zzfs/snapshot/before/d/f
            refuses mv d .zzfs/snapshot/before/
            refuses mkdir .zzfs
            refuses rmdir .zzfs
            refuses ln .zzfs/snapshot/before/d/f hard
            test "$(ls .zzfs/snapshot | grep -c '^[0-9]*$')" -ge 3
            ln -s "$(readlink .zzfs/snapshot/before)" .zzfs/snapshot/again
            rm .zzfs/snapshot/before
            test "$(cat .zzfs/snapshot/again/d/f)" = first
            grep -r first .zzfs/snapshot/again >/dev/null
            tar -C .zzfs/snapshot/again -cf - . | tar -tf - | grep -q '^./d/big$'
            """;
        Directory.CreateDirectory(cluster.PathOf("copy-parent"));
        Directory.Move(cluster.PathOf("copy"), Path.Combine(cluster.PathOf("copy-parent"), "d"));
        Tool.Run("sh", ["-euc", Checks], mount).Succeeded();

        var refused = Cluster.Zzfs("snapshot", "drop", cluster.ClusterDirectory, "nobody");
        Assert.Equal((1, "zzfs: no snapshot is kept by the name nobody\n"), (refused.ExitCode, refused.Errors));
        refused = Cluster.Zzfs("snapshot", "keep", cluster.ClusterDirectory, "12");
        Assert.Equal((1, "zzfs: 12 can't be the name of a snapshot: a number is one already\n"), (refused.ExitCode, refused.Errors));
        refused = Cluster.Zzfs("snapshot", "keep", cluster.ClusterDirectory, "x", "--number", "999999999");
        Assert.Equal((1, "zzfs: there is no snapshot 999999999 any more\n"), (refused.ExitCode, refused.Errors));
    }
}
