using Agreement.Configuration;

namespace Agreement.Tests.Configuration;

public sealed class HypervisorChoiceTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("process", HypervisorKind.Process, "", "")]
    [InlineData("xl:/etc/xen/e2.cfg", HypervisorKind.Xl, "", "/etc/xen/e2.cfg")]
    [InlineData("libvirt:qemu:///system#zzfs-e2", HypervisorKind.Libvirt, "qemu:///system", "zzfs-e2")]
    [InlineData("libvirt:xen+ssh://root@host:22/?socket=/run/a#e2", HypervisorKind.Libvirt, "xen+ssh://root@host:22/?socket=/run/a", "e2")]
    [InlineData("libvirt:qemu:///session#/srv/e2.xml", HypervisorKind.Libvirt, "qemu:///session", "/srv/e2.xml")]
    public void It_is_read_as_it_is_written(string text, HypervisorKind kind, string connection, string domain)
    {
        Assert.True(HypervisorChoice.TryParse(text, out HypervisorChoice? choice));
        Assert.Equal(new HypervisorChoice(kind, connection, domain), choice);
        Assert.Equal(text, choice.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("kvm")]
    [InlineData("process:")]
    [InlineData("xl:")]
    [InlineData("xl:e2.cfg")]
    [InlineData("xl:/a/../b")]
    [InlineData("libvirt:")]
    [InlineData("libvirt:qemu:///system")]
    [InlineData("libvirt:qemu:///system#")]
    [InlineData("libvirt:#e2")]
    [InlineData("libvirt:qemu#e2")]
    [InlineData("libvirt:-c:#e2")]
    [InlineData("libvirt:qemu:///system#--all")]
    [InlineData("libvirt:qemu:///system#a/b")]
    [InlineData("libvirt:qemu:///system#/a/../b.xml")]
    [InlineData("libvirt:qemu:///system#a\nb")]
    public void What_is_none_is_refused(string text) => Assert.False(HypervisorChoice.TryParse(text, out _));

    [Fact]
    public void A_cluster_file_keeps_it()
    {
        var machine = new HypervisorChoice(HypervisorKind.Libvirt, "qemu:///system", "e2");
        var layout = new ClusterLayout(folder.File("cluster"));
        ClusterFactory.Create(
            layout, new ClusterPlan { HypervisorOf = new SortedDictionary<int, HypervisorChoice> { [2] = machine }, Sleep = SleepMode.Hibernated });
        ClusterFile cluster = layout.Load();
        Assert.Equal([HypervisorChoice.Process, HypervisorChoice.Process, machine], cluster.Controllers.Select(entry => entry.Hypervisor));
        Assert.All(cluster.Controllers, entry => Assert.Equal(SleepMode.Hibernated, entry.Sleep));
    }

    [Fact]
    public void One_domain_is_not_given_to_two_replicas_of_a_machine()
    {
        var plan = new ClusterPlan { Hypervisor = new HypervisorChoice(HypervisorKind.Xl, "", "/etc/xen/e.cfg") };
        var error = Assert.Throws<ConfigurationException>(() => ClusterFactory.Create(new ClusterLayout(folder.File("cluster")), plan));
        Assert.Equal("xl:/etc/xen/e.cfg is given to two execution replicas of one machine", error.Message);
    }
}
