using Xen.Machines;

namespace Xen.Tests;

public class XlDomainListTests
{
    // The example of xl(1) as xl 4.17 lays it out, one domain of it paused, and domains more that push the columns aside.
    private const string Recorded =
        "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        + "Domain-0                                     0   750     4     r-----   11794.3\n"
        + "win                                          1  1019     1     r-----       0.3\n"
        + "linux                                        2  2048     2     --p---    5624.2\n"
        + "a-domain-with-a-name-of-more-than-forty-letters    13    64     1     ------       0.0\n"
        + "two words                                   14    64     1     -b----       0.1\n"
        + "(null)                                      15     0     1     --ps-d       1.0\n";

    [Theory]
    [InlineData("Domain-0", "r-----")]
    [InlineData("win", "r-----")]
    [InlineData("linux", "--p---")]
    [InlineData("a-domain-with-a-name-of-more-than-forty-letters", "------")]
    [InlineData("two words", "-b----")]
    [InlineData("lin", null)]
    [InlineData("linux 2", null)]
    [InlineData("words", null)]
    public void A_domain_is_found_by_its_whole_name(string name, string? flags) =>
        Assert.Equal(flags, XlDomainList.Find(Recorded, name));

    [Theory]
    [InlineData("r-----", GuestState.Running, false)]
    [InlineData("-b----", GuestState.Running, false)]
    [InlineData("------", GuestState.Running, false)]
    [InlineData("--p---", GuestState.Paused, false)]
    [InlineData("-bp---", GuestState.Paused, false)]
    [InlineData("---s--", GuestState.Absent, true)]
    [InlineData("----c-", GuestState.Absent, true)]
    [InlineData("--ps-d", GuestState.Absent, true)]
    public void Flags_say_what_it_does(string flags, GuestState state, bool isLeft) =>
        Assert.Equal(new MachineState(state, isLeft), XlDomainList.Read(flags));

    [Theory]
    [InlineData("")]
    [InlineData("xl: command not found\n")]
    [InlineData("Name                                        ID   Mem VCPUs\tState\tTime(s)\nlinux\n")]
    [InlineData("Name                                        ID   Mem VCPUs\tState\tTime(s)\nlinux 2 2048 2 pr---- 5.0\n")]
    [InlineData("Name                                        ID   Mem VCPUs\tState\tTime(s)\nlinux x 2048 2 --p--- 5.0\n")]
    public void What_is_no_list_is_an_error_not_an_absent_domain(string output) =>
        Assert.Throws<HypervisorException>(() => XlDomainList.Find(output, "linux"));
}
