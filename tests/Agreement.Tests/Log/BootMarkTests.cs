using Agreement.Node;

namespace Agreement.Tests.Log;

/// <summary>Whether the end of a log may be lost (DESIGN §5: "boot id changed" without a clean stop).</summary>
public sealed class BootMarkTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("zzfs-boot-").FullName;

    private string MarkFile => Path.Combine(folder, "boot");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_first_start_has_lost_nothing() => Assert.False(MayHaveLostWrites(out _));

    [Fact]
    public void The_death_of_a_process_loses_nothing()
    {
        MayHaveLostWrites(out BootMark mark);
        mark.Start();
        Assert.False(MayHaveLostWrites(out _));
    }

    [Fact]
    public void A_machine_that_went_down_under_a_running_node_may_have_lost_writes()
    {
        File.WriteAllText(MarkFile, "another-boot running\n");
        Assert.True(MayHaveLostWrites(out _));
    }

    [Fact]
    public void A_clean_stop_loses_nothing_whatever_the_machine_does_then()
    {
        MayHaveLostWrites(out BootMark mark);
        mark.Start();
        mark.Stop();
        File.WriteAllText(MarkFile, "another-boot " + File.ReadAllText(MarkFile).Split(' ')[1]);
        Assert.False(MayHaveLostWrites(out _));
    }

    // A node that dies before it has logged what follows must find out again.
    [Fact]
    public void What_was_found_is_found_again_until_the_node_has_started()
    {
        File.WriteAllText(MarkFile, "another-boot running\n");
        Assert.True(MayHaveLostWrites(out _));
        Assert.True(MayHaveLostWrites(out BootMark mark));
        mark.Start();
        Assert.False(MayHaveLostWrites(out _));
    }

    private bool MayHaveLostWrites(out BootMark mark)
    {
        mark = BootMark.Open(folder, out bool mayHaveLostWrites);
        return mayHaveLostWrites;
    }
}
