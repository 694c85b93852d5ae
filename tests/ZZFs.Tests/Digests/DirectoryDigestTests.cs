using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Digests;
using ZZFs.Tests.Stores;

namespace ZZFs.Tests.Digests;

public class DirectoryDigestTests
{
    private const uint Directory = 7;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Following_changes_gives_what_hashing_everything_gives(int seed)
    {
        var random = new Random(seed);
        using var store = new MemoryStore();
        using var nodes = new MemoryDigestStore();
        var digest = new DirectoryDigest(nodes);
        var entries = new SortedDictionary<string, ObjectId>(StringComparer.Ordinal);
        ulong settled = 0;
        for (int step = 0; step < 60; step++)
        {
            var changed = new List<byte[]>();
            int growth = random.Next(-150, 200);
            for (int i = 0; i < Math.Abs(growth); i++)
                changed.Add(Change(random, store, entries, growth > 0));
            Digest followed = digest.Settle(store, Directory, (ulong)entries.Count, settled, changed);
            settled = (ulong)entries.Count;
            Assert.Equal(Fresh(entries), followed);
        }
    }

    [Fact]
    public void Bounds_of_the_upper_level_come_and_go()
    {
        // One name of 4,096 begins a range of level 1; enough names, and some do.
        using var store = new MemoryStore();
        using var nodes = new MemoryDigestStore();
        var digest = new DirectoryDigest(nodes);
        var entries = new SortedDictionary<string, ObjectId>(StringComparer.Ordinal);
        List<byte[]> names = [.. Enumerable.Range(0, 12_000).Select(i => Encoding.ASCII.GetBytes("n" + i))];
        foreach (byte[] name in names)
            Add(store, entries, name, new ObjectId(1, 1));
        Digest all = digest.Settle(store, Directory, (ulong)entries.Count, 0, names);
        Assert.Equal(Fresh(entries), all);
        int upper = 0;
        nodes.List(DigestKey.OfRange(Directory, 1, []), DigestKey.OfRange(Directory, 2, []), (_, _) => ++upper > 0);
        Assert.InRange(upper, 2, 12);

        List<byte[]> bounds = [.. names.Where(name => nodes.Read(DigestKey.OfRange(Directory, 0, name)) is not null)];
        Assert.InRange(bounds.Count, 250, 500);
        ulong settled = (ulong)entries.Count;
        foreach (byte[] bound in bounds)
        {
            store.RemoveEntry(Directory, bound);
            entries.Remove(Encoding.Latin1.GetString(bound));
        }

        Assert.Equal(Fresh(entries), digest.Settle(store, Directory, (ulong)entries.Count, settled, bounds));
        settled = (ulong)entries.Count;
        foreach (byte[] bound in bounds)
            Add(store, entries, bound, new ObjectId(1, 1));
        Assert.Equal(all, digest.Settle(store, Directory, (ulong)entries.Count, settled, bounds));
    }

    [Fact]
    public void What_an_entry_names_counts()
    {
        using var store = new MemoryStore();
        using var nodes = new MemoryDigestStore();
        var digest = new DirectoryDigest(nodes);
        var seen = new HashSet<Digest>();
        foreach (ObjectId target in new ObjectId[] { new(1, 1), new(1, 2), new(2, 1) })
        {
            byte[] name = "name"u8.ToArray();
            store.AddEntry(Directory, name, target);
            Assert.True(seen.Add(digest.Settle(store, Directory, 1, 1, [name])));
            store.RemoveEntry(Directory, name);
        }
    }

    private static byte[] Change(Random random, MemoryStore store, SortedDictionary<string, ObjectId> entries, bool add)
    {
        byte[] name = new byte[random.Next(1, 3)];
        random.NextBytes(name);
        string text = Encoding.Latin1.GetString(name);
        if (entries.Remove(text))
            store.RemoveEntry(Directory, name);
        if (add)
            Add(store, entries, name, new ObjectId((uint)random.Next(100), 1));
        return name;
    }

    private static void Add(MemoryStore store, SortedDictionary<string, ObjectId> entries, byte[] name, ObjectId target)
    {
        entries.Add(Encoding.Latin1.GetString(name), target);
        store.AddEntry(Directory, name, target);
    }

    private static Digest Fresh(SortedDictionary<string, ObjectId> entries)
    {
        using var store = new MemoryStore();
        foreach ((string name, ObjectId target) in entries)
            store.AddEntry(Directory, Encoding.Latin1.GetBytes(name), target);
        return new DirectoryDigest(new MemoryDigestStore()).Settle(store, Directory, (ulong)entries.Count, 0, []);
    }
}
