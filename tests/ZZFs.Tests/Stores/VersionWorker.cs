using System.Globalization;
using System.Text;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>
/// Makes versions of a store, each out of the one before it by changes that follow from its number, and drops some. What a
/// process does that a test kills, and what the test does to know what must then be there.
/// </summary>
internal static class VersionWorker
{
    public const string Works = "works";
    public const string Commits = "commits";
    public const string Hardens = "hardens";
    public const string Hardened = "hardened";
    public const string Drops = "drops";
    public const string Dropped = "dropped";

    private const uint Files = 4;
    private const ulong Blocks = 40;

    /// <summary>The process: goes on from the newest version until it is killed, and prints what it is about to do, and has done, with which version.</summary>
    /// <param name="open">Opens the store.</param>
    /// <param name="seed">Of the changes.</param>
    public static void Run(Func<IBackingStore> open, int seed)
    {
        using IBackingStore store = open();
        var random = new Random(Environment.ProcessId);
        for (ulong version = store.Versions.LastOrDefault() + 1; ; version++)
        {
            Change(store, seed, version, () => Print(Works, version));
            Print(Commits, version);
            store.Commit(version);
            Print(Hardens, version);
            store.Harden(version);
            Print(Hardened, version);

            // Three at most stay before the newest two, and any of them may go.
            while (store.Versions.Count > 5)
            {
                ulong old = store.Versions[random.Next(store.Versions.Count - 2)];
                Print(Drops, old);
                store.TryDrop(old);
                Print(Dropped, old);
            }
        }
    }

    /// <summary>What leads from a version to the next.</summary>
    /// <param name="store">Is at the version before.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="version">The next version.</param>
    /// <param name="before">Called before each change.</param>
    public static void Change(IBackingStore store, int seed, ulong version, Action before)
    {
        var random = new Random(HashOf(seed, version));
        if (version == 1)
        {
            Make(store, new ObjectRecord(0) { Generation = 1, Type = ObjectType.Directory, LinkCount = 2, Mode = 0x1ed });
            for (uint file = 1; file <= Files; file++)
                Make(store, File(file, 1, 0x1a4));
        }

        byte[] content = new byte[Specification.BlockBytes];
        for (int i = 0; i < 40; i++)
        {
            before();
            uint file = (uint)random.Next(1, (int)Files + 1);
            ulong block = (ulong)random.Next((int)Blocks);
            switch (random.Next(6))
            {
                case 0:
                    store.RemoveBlocks(file, block, Math.Min(block + 5, Blocks - 1));
                    break;
                case 1:
                    store.WriteMetadata(Key(block), BitConverter.GetBytes(random.Next()));
                    break;
                case 2:
                    store.RemoveMetadata(Key(block), Key(block + 2));
                    break;
                default:
                    int length = random.Next(1, content.Length + 1);
                    random.NextBytes(content);
                    content[length - 1] |= 1;
                    store.WriteBlock(file, block, content.AsSpan(0, length));
                    store.WriteObject(File(file, 1, (ushort)random.Next(0x1ff)));
                    break;
            }
        }

        // One file comes and goes.
        if (version % 2 == 1)
        {
            Make(store, File(Files + 1, version, 0x1a4));
            return;
        }

        store.RemoveEntry(0, Name(Files + 1));
        store.DropObject(Files + 1);
        store.WriteObject(new ObjectRecord(Files + 1) { Generation = version - 1 });
    }

    private static void Make(IBackingStore store, ObjectRecord record)
    {
        store.MakeObject(record);
        store.WriteObject(record);
        if (record.Index > 0)
            store.AddEntry(0, Name(record.Index), record.Id);
    }

    private static ObjectRecord File(uint index, ulong generation, ushort mode) => new(index)
    {
        Generation = generation,
        Type = ObjectType.File,
        LinkCount = 1,
        Mode = mode,
        SizeBytes = index <= Files ? Blocks * Specification.BlockBytes : 0,
    };

    private static byte[] Name(uint index) => Encoding.ASCII.GetBytes("file" + index.ToString(CultureInfo.InvariantCulture));

    private static byte[] Key(ulong number) => Encoding.ASCII.GetBytes($"k{number:x2}");

    private static int HashOf(int seed, ulong version) => (int)(((uint)seed * 1_000_003) + (uint)version);

    private static void Print(string what, ulong version) =>
        Console.WriteLine(what + " " + version.ToString(CultureInfo.InvariantCulture));
}
