using Agreement.Messages;
using Agreement.Node;
using ZZFs.Cli.Scrubbing;

namespace ZZFs.Tests.Cli;

public class ScrubProgressTests
{
    [Theory]
    [InlineData(true, 0, 0, 0, "[....................]  0%")]
    [InlineData(true, 7, 50, 100, "[##########..........] 50%")]
    [InlineData(true, 7, 300, 100, "[###################.] 99%")]
    [InlineData(false, 7, 0, 0, "[####################] 100%")]
    public void A_bar_shows_the_share_that_is_read(bool running, ulong checkpoint, ulong read, ulong total, string bar)
    {
        var status = new ScrubStatus { IsRunning = running, Checkpoint = new SequenceNumber(checkpoint), BytesRead = read, BytesTotal = total };
        Assert.Equal(bar.Replace(" ", "", StringComparison.Ordinal), ScrubProgress.Bar(status).Replace(" ", "", StringComparison.Ordinal));
    }
}
