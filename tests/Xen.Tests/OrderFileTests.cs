using Agreement.Control;
using Agreement.Messages;
using Agreement.Tests.Configuration;
using Agreement.Tests.Protocol;

namespace Xen.Tests;

public sealed class OrderFileTests : IDisposable
{
    private const uint Replica = 2;
    private readonly TemporaryFolder folder = new();
    private readonly StringWriter log = new();

    private string Path => folder.File("order");

    public void Dispose()
    {
        folder.Dispose();
        log.Dispose();
    }

    [Fact]
    public void An_order_is_there_after_a_restart()
    {
        Assert.Null(Open().Order);
        Assert.Equal("", log.ToString());
        OrderBook book = Open();
        Assert.Equal(Votes.Wake(3), book.Take([Votes.Recover(0, 3), Votes.Recover(1, 3)]));
        Assert.Null(book.Order);
        Assert.True(book.Save());
        Assert.False(book.Save());
        Assert.Equal(Votes.Wake(3), book.Order);
        Assert.Equal(Votes.Wake(3), Open().Order);
        Assert.Contains("the order is wake of epoch 3", log.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(Path + ".new"));
    }

    [Fact]
    public void After_a_restart_older_orders_are_still_old()
    {
        Save([Votes.Sleep(0, Replica, 4), Votes.Sleep(1, Replica, 4)]);
        OrderBook book = Open();
        Assert.Equal(Votes.SleepOrder(4), book.Take([Votes.Recover(0, 3), Votes.Recover(1, 3)]));
        Assert.False(book.Save());
    }

    [Fact]
    public void Every_flipped_bit_is_noticed()
    {
        Save([Votes.Recover(0, 3), Votes.Recover(1, 3)]);
        byte[] good = File.ReadAllBytes(Path);
        for (int position = 0; position < good.Length; position++)
        {
            var bad = (byte[])good.Clone();
            bad[position] ^= 1;
            File.WriteAllBytes(Path, bad);
            Assert.Null(Open().Order);
        }

        Assert.Equal(good.Length, log.ToString().Split("damaged or forged, so it counts as none").Length - 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(40)]
    public void A_torn_file_counts_as_none(int length)
    {
        Save([Votes.Recover(0, 3), Votes.Recover(1, 3)]);
        using (var file = new FileStream(Path, FileMode.Open))
            file.SetLength(length);
        Assert.Null(Open().Order);
        Assert.Contains("damaged or forged", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_the_signatures_for_an_order_counts_as_none()
    {
        foreach (ReadOnlyMemory<byte>[] votes in (ReadOnlyMemory<byte>[][])[
            [],
            [Votes.Recover(0, 3)],
            [Votes.Recover(0, 3), Votes.Recover(0, 3)],
            [Votes.Recover(0, 3), Votes.Recover(1, 3, HashSignatures.Forge)],
            [Votes.Sleep(0, Replica + 1, 3), Votes.Sleep(1, Replica + 1, 3)]])
        {
            Save(votes);
            Assert.Null(Open().Order);
        }

        Assert.Equal(5, log.ToString().Split("damaged or forged").Length - 1);
    }

    [Fact]
    public void Trailing_and_endless_bytes_are_refused()
    {
        Save([Votes.Recover(0, 3), Votes.Recover(1, 3)]);
        byte[] good = File.ReadAllBytes(Path);
        File.WriteAllBytes(Path, [.. good, 0]);
        Assert.Null(Open().Order);
        File.WriteAllBytes(Path, [.. good, .. new byte[1 << 20]]);
        Assert.Null(Open().Order);
    }

    [Fact]
    public void What_can_not_be_read_counts_as_none()
    {
        Assert.Null(OrderBook.Open(NewDecision(), new OrderFile("/proc/self/mem"), new NodeLog(log, TimeProvider.System)).Order);
        Assert.Contains("/proc/self/mem", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void While_the_disk_refuses_the_former_order_stands()
    {
        Save([Votes.Recover(0, 3), Votes.Recover(1, 3)]);
        OrderBook book = Open();
        book.Take([Votes.Sleep(0, Replica, 4), Votes.Sleep(1, Replica, 4)]);
        // A directory in the way of the new file: root, too, is refused.
        Directory.CreateDirectory(Path + ".new");
        Assert.Throws<IOException>(() => book.Save());
        Assert.Equal(Votes.Wake(3), book.Order);
        Assert.Equal(Votes.Wake(3), Open().Order);
        Directory.Delete(Path + ".new");
        Assert.True(book.Save());
        Assert.Equal(Votes.SleepOrder(4), Open().Order);
    }

    private static WakeDecision NewDecision() => new(new Quorum(1), Replica, new HashSignatures());

    private void Save(IReadOnlyList<ReadOnlyMemory<byte>> votes) => new OrderFile(Path).Save(votes);

    private OrderBook Open() => OrderBook.Open(NewDecision(), new OrderFile(Path), new NodeLog(log, TimeProvider.System));
}
