using Xen.Freezing;

namespace Xen.Tests;

public class FreezersTests
{
    private const string Unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
    private const string Hybrid = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
    private const string OldFreezer = "37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime shared:9 - cgroup cgroup rw,freezer";

    [Fact]
    public void A_group_is_made_below_ones_own() => Assert.Equal(
        [("/sys/fs/cgroup/user.slice/shell.scope/g", true)],
        Freezers.CgroupFolders([Unified], ["0::/user.slice/shell.scope"], "g"));

    [Fact]
    public void The_newer_hierarchy_comes_first() => Assert.Equal(
        [("/sys/fs/cgroup/unified/g", true), ("/sys/fs/cgroup/freezer/box/g", false)],
        Freezers.CgroupFolders([OldFreezer, Hybrid], ["6:freezer:/box", "0::/"], "g"));

    [Fact]
    public void A_container_sees_only_its_part() => Assert.Equal(
        [("/sys/fs/cgroup/inner/g", true)],
        Freezers.CgroupFolders(["30 23 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw"], ["0::/docker/1/inner"], "g"));

    [Theory]
    [InlineData("30 23 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "0::/elsewhere")]
    [InlineData("30 23 0:26 / /sys rw - sysfs sysfs rw", "0::/")]
    [InlineData("garbage", "0::/")]
    [InlineData("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "garbage")]
    public void Without_a_place_there_is_none(string mount, string membership) =>
        Assert.Empty(Freezers.CgroupFolders([mount], [membership], "g"));
}
