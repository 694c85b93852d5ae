using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Tests.Client;

/// <summary>The caches one by one.</summary>
public sealed class CacheTests
{
    private static readonly ObjectId One = new(1, 1);
    private static readonly ObjectId Two = new(2, 1);

    [Fact]
    public void Attributes_count_for_their_time_and_the_newest_win()
    {
        AttributeCache cache = new(10, 100);
        cache.Put(One, File(change: 5, size: 50), 1000);
        cache.Put(One, File(change: 4, size: 40), 1050);
        Assert.True(cache.TryGet(One, 1099, out Attributes attributes, out long valid));
        Assert.Equal((50UL, 1L), (attributes.SizeBytes, valid));
        Assert.False(cache.TryGet(One, 1100, out _, out _));
        cache.Put(One, File(change: 5, size: 50), 1200);
        Assert.True(cache.TryGet(One, 1299, out _, out _));
        cache.Expire(One);
        Assert.False(cache.TryGet(One, 1200, out _, out _));
        Assert.NotNull(cache.Peek(One));
    }

    [Fact]
    public void The_least_recently_used_are_forgotten()
    {
        AttributeCache cache = new(2, 100);
        cache.Put(One, File(1, 1), 0);
        cache.Put(Two, File(1, 2), 0);
        Assert.NotNull(cache.Peek(One));
        cache.Put(new ObjectId(3, 1), File(1, 3), 0);
        Assert.Null(cache.Peek(Two));
        Assert.NotNull(cache.Peek(One));
    }

    [Fact]
    public void A_chain_of_own_changes_holds_in_any_order_of_results()
    {
        ChangeChain chain = new(5);
        chain.Begin();
        chain.Begin();
        chain.Record(6, 7);
        Assert.False(chain.End());
        Assert.Equal(5UL, chain.Current);
        chain.Record(5, 6);
        Assert.False(chain.End());
        Assert.Equal(7UL, chain.Current);
        Assert.False(chain.Observe(6));
    }

    [Fact]
    public void A_gap_that_stays_is_a_foreign_change()
    {
        ChangeChain chain = new(5);
        chain.Begin();
        Assert.False(chain.Observe(7));
        chain.Record(6, 7);
        Assert.True(chain.End());
        Assert.Equal(7UL, chain.Current);
        Assert.True(chain.Observe(8));
        chain.Begin();
        chain.RecordUnknown();
        Assert.True(chain.End());
    }

    [Fact]
    public void A_directory_knows_what_it_was_told_until_somebody_else_changes_it()
    {
        DirectoryCache cache = new(100, 1000);
        CachedDirectory directory = cache.FindOrAdd(One, 1, 0);
        Assert.Equal(NameKnowledge.Unknown, directory.Find("a"u8, out _));
        directory.Set("a"u8, Two, 1);
        directory.Set("b"u8, null, 1);
        directory.Set("stale"u8, Two, 0);
        Assert.Equal(NameKnowledge.Present, directory.Find("a"u8, out ObjectId id));
        Assert.Equal(Two, id);
        Assert.Equal(NameKnowledge.Absent, directory.Find("b"u8, out _));
        Assert.Equal(NameKnowledge.Unknown, directory.Find("stale"u8, out _));
        Assert.Equal(1L, directory.ValidMilliseconds(999));
        directory.Observe(1, 500);
        Assert.Equal(501L, directory.ValidMilliseconds(999));
        directory.Begin();
        Assert.Equal(0, directory.ValidMilliseconds(999));
        directory.End(new DirectoryState(1, File(2, 0)), true, 600);
        Assert.Equal(NameKnowledge.Present, directory.Find("a"u8, out _));
        directory.Observe(3, 700);
        Assert.Equal(NameKnowledge.Unknown, directory.Find("a"u8, out _));
    }

    [Fact]
    public void A_complete_directory_knows_what_is_not_there()
    {
        CachedDirectory directory = new DirectoryCache(100, 1000).FindOrAdd(One, 1, 0);
        directory.SetAll([("b"u8.ToArray(), One), ("a"u8.ToArray(), Two)], 1);
        Assert.True(directory.Complete);
        Assert.Equal(NameKnowledge.Absent, directory.Find("x"u8, out _));
        directory.Set("a"u8, null, 1);
        Assert.Equal(["b"], directory.Present().Select(static entry => Encoding.UTF8.GetString(entry.Name)));
        directory.SetAll([], 9);
        Assert.Single(directory.Present());
    }

    [Fact]
    public void Names_are_bounded_over_all_directories()
    {
        DirectoryCache cache = new(10, 1000);
        for (uint index = 0; index < 5; index++)
        {
            CachedDirectory directory = cache.FindOrAdd(new ObjectId(index, 1), 1, 0);
            directory.SetAll([.. Enumerable.Range(0, 3).Select(name => (new byte[] { (byte)name }, One))], 1);
            cache.Recount(new ObjectId(index, 1), directory);
        }

        Assert.Null(cache.Find(new ObjectId(2, 1)));
        Assert.NotNull(cache.Find(new ObjectId(3, 1)));
        Assert.NotNull(cache.Find(new ObjectId(4, 1)));
    }

    [Fact]
    public void Contents_follow_own_writes_and_truncations_within_their_bounds()
    {
        ContentCache cache = new(100, 1000);
        cache.Write(One, 0, "ignored"u8);
        Assert.False(cache.Contains(One));
        cache.Set(One, "hello"u8);
        cache.Write(One, 7, "x"u8);
        Assert.Equal("hello\0\0x"u8.ToArray(), Content(cache, One));
        cache.SetLength(One, 3);
        cache.SetLength(One, 5);
        Assert.Equal("hel\0\0"u8.ToArray(), Content(cache, One));
        Assert.True(cache.TryRead(One, 9, 5, out ReadOnlyMemory<byte> past));
        Assert.True(past.IsEmpty);
        cache.Write(One, 98, "xyz"u8);
        Assert.False(cache.Contains(One));
        for (uint index = 10; index < 20; index++)
            cache.Set(new ObjectId(index, 1), new byte[100]);
        Assert.False(cache.Contains(new ObjectId(10, 1)));
        Assert.True(cache.Contains(new ObjectId(19, 1)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_write_buffer_holds_what_an_array_would(int seed)
    {
        Random random = new(seed);
        byte[] expected = new byte[5 << 20];
        byte[] actual = new byte[5 << 20];
        WriteBuffer buffer = new();
        for (int step = 0; step < 3000; step++)
        {
            byte[] data = new byte[random.Next(1, random.Next(20) == 0 ? 1_500_000 : 3000)];
            random.NextBytes(data);
            int offset = random.Next(random.Next(2) == 0 ? 20_000 : 3_000_000);
            buffer.Add((ulong)offset, data);
            data.CopyTo(expected, offset);
            if (buffer.TryRead((ulong)offset, (uint)data.Length, out ReadOnlyMemory<byte> read))
                Assert.True(read.Span.SequenceEqual(data));
            if (random.Next(10) == 0)
                Apply(buffer, random.Next(2) == 0, actual);
        }

        while (buffer.DirtyBytes > 0)
            Apply(buffer, false, actual);
        Assert.True(expected.AsSpan().SequenceEqual(actual));
        Assert.Equal(0UL, buffer.End);
    }

    [Fact]
    public void A_reader_that_jumps_is_not_read_ahead_for()
    {
        ReadAhead ahead = new(4);
        ahead.OnRead(50 << 20, 4096);
        Assert.Null(ahead.Next(100 << 20));
        ahead.OnRead(10 << 20, 4096);
        Assert.Null(ahead.Next(100 << 20));
        ahead.OnRead((10 << 20) + 4096, 4096);
        Assert.Equal((10UL << 20) + 8192, ahead.Next(100 << 20)!.Value.Offset);
        Assert.Null(ahead.Next(10 << 20));
    }

    private static Attributes File(ulong change, ulong size) =>
        new(ObjectType.File, 0x1A4, 0, 0, 1, size, size, default, default, default, 0, change);

    private static byte[] Content(ContentCache cache, ObjectId id)
    {
        Assert.True(cache.TryRead(id, 0, uint.MaxValue, out ReadOnlyMemory<byte> data));
        return data.ToArray();
    }

    private static void Apply(WriteBuffer buffer, bool onlyFull, byte[] target)
    {
        List<WriteExtent> extents = buffer.Take(onlyFull);
        Assert.InRange(extents.Sum(static extent => (long)extent.Length), 0, 1 << 20);
        foreach (WriteExtent extent in extents)
        {
            extent.Data.Span.CopyTo(target.AsSpan((int)extent.Offset));
            extent.Recycle();
        }
    }
}
