using System.Globalization;
using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>A store, and beside it one in memory, which get the same changes and must hold the same in every version.</summary>
internal sealed class VersionTrial : IDisposable
{
    /// <summary>Files have places from 1 to this one; after it comes a directory.</summary>
    public const int Files = 6;

    private const uint Folder = Files + 1;

    private readonly Func<IBackingStore> open;
    private readonly MemoryStore model = new();
    private readonly List<(ulong Number, IStoreView View)> views = [];
    private readonly SortedDictionary<ulong, SortedDictionary<uint, Named>> names = [];
    private readonly Random random;
    private SortedDictionary<uint, Named> named = [];
    private ulong generation = 1;
    private ulong number;

    /// <summary>Makes the store.</summary>
    /// <param name="open">Opens it, again and again.</param>
    /// <param name="seed">Of contents.</param>
    public VersionTrial(Func<IBackingStore> open, int seed)
    {
        this.open = open;
        random = new Random(seed);
        Store = open();
        Begin();
    }

    public IBackingStore Store { get; private set; }

    /// <summary>Everything that a view shows.</summary>
    public static List<string> Dump(IStoreView view)
    {
        var lines = new List<string>();
        byte[] block = new byte[Specification.BlockBytes];
        for (uint index = 0; index <= Folder; index++)
        {
            if (view.ReadObject(index) is not { } record)
                continue;
            lines.Add($"{index}: {record.Id} {record.ToAttributes()}");
            for (ulong? next = view.NextBlock(index, 0, 1 << 20); next is { } at; next = view.NextBlock(index, at + 1, 1 << 20))
            {
                Assert.True(view.ReadBlock(index, at, block) && view.HasBlock(index, at));
                lines.Add($"{index} block {at}: {Digest.Of(block)}");
            }

            Assert.False(view.HasBlock(index, 1 << 20));
            view.ListEntries(index, [], true, (name, target) =>
            {
                lines.Add($"{index} entry {Encoding.ASCII.GetString(name)}: {target}");
                return true;
            });
            Assert.Equal(index == 0 && view.FindEntry(0, "folder"u8) is not null, view.FindEntry(index, "folder"u8) is not null);
        }

        view.ListMetadata("a"u8, "z"u8, (key, value) =>
        {
            lines.Add($"metadata {Encoding.ASCII.GetString(key)}: {Convert.ToHexString(value)}");
            return true;
        });
        lines.Add("last " + Convert.ToHexString(view.LastMetadataKey("a"u8, "k5"u8) ?? []));
        return lines;
    }

    /// <summary>One step out of all kinds.</summary>
    /// <param name="kind">0 to 99.</param>
    /// <param name="first">0 to 11.</param>
    /// <param name="second">0 to 11.</param>
    public void Step(int kind, int first, int second)
    {
        uint index = (uint)(first % Files) + 1;
        switch (kind)
        {
            case < 55:
                Change(kind, index, (uint)(second % Files) + 1, (ulong)second);
                break;
            case < 68:
                Commit((ulong)first + 1);
                break;
            case < 71:
                if (names.Count > 0)
                    Store.Harden(names.Keys.Last());
                break;
            case < 80:
                if (names.Count > 0)
                    Drop(Version(first));
                break;
            case < 84:
                Rollback(first == 0 || names.Count == 0 ? 0 : Version(second));
                break;
            case < 87:
                Reopen();
                break;
            case < 91:
                if (names.Count > 0)
                    views.Add((Version(first), Store.OpenVersion(Version(first))));
                break;
            case < 94:
                Close(view => view.Number == (names.Count > 0 ? Version(first) : 0));
                break;
            default:
                Check();
                break;
        }
    }

    /// <summary>One change of the live state.</summary>
    /// <param name="kind">0 to 54.</param>
    /// <param name="index">A file's place.</param>
    /// <param name="other">Another's, or the same.</param>
    /// <param name="block">Some small number.</param>
    public void Change(int kind, uint index, uint other, ulong block)
    {
        if (!named.TryGetValue(index, out Named? file))
        {
            Make(index, new Named(0, "file" + generation.ToString(CultureInfo.InvariantCulture)), ObjectType.File);
            return;
        }

        switch (kind)
        {
            case < 25:
                byte[] content = new byte[random.Next(3) == 0 ? Specification.BlockBytes : random.Next(1, Specification.BlockBytes)];
                random.NextBytes(content);
                content[^1] |= 1;
                Both(store => store.WriteBlock(index, block, content));
                if ((block + 1) * Specification.BlockBytes is var end && end > file.Record.SizeBytes)
                    file.Record.SizeBytes = end;
                Write(file);
                break;
            case < 31:
                ulong last = block + (ulong)random.Next(4);
                Assert.Equal(model.RemoveBlocks(index, block, last), Store.RemoveBlocks(index, block, last));
                break;
            case < 36:
                Both(store => store.RemoveBlocks(index, 0, 1 << 20));
                Both(store => store.RemoveEntry(file.Directory, file.Name));
                Both(store => store.DropObject(index));
                file.Record.Free();
                Write(file);
                named.Remove(index);
                break;
            case < 41:
                var target = new Named(file.Directory == 0 ? Folder : 0, "moved" + (generation++).ToString(CultureInfo.InvariantCulture));
                Both(store => store.MoveEntry(file.Directory, file.Name, target.Directory, target.Name));
                named[index] = target with { Record = file.Record };
                break;
            case < 45 when index != other && named.TryGetValue(other, out Named? second):
                Both(store => store.ExchangeEntries(file.Directory, file.Name, second.Directory, second.Name));
                named[index] = second with { Record = file.Record };
                named[other] = file with { Record = second.Record };
                break;
            case < 50:
                byte[] value = new byte[random.Next(40)];
                random.NextBytes(value);
                Both(store => store.WriteMetadata(Key(block), value));
                break;
            default:
                byte[] to = Key(block + (ulong)random.Next(3));
                Both(store => store.RemoveMetadata(Key(block), to));
                break;
        }
    }

    /// <summary>Keeps a version.</summary>
    /// <param name="step">How much its number is above the last one's.</param>
    public ulong Commit(ulong step = 1)
    {
        number += step;
        Both(store => store.Commit(number));
        names.Add(number, Copy(named));
        return number;
    }

    /// <summary>Drops a version, unless there is a view.</summary>
    public void Drop(ulong which)
    {
        bool isRead = views.Exists(view => view.Number == which);
        Assert.Equal(!isRead, Store.TryDrop(which));
        if (isRead)
            return;
        Assert.True(model.TryDrop(which));
        names.Remove(which);
    }

    /// <summary>Returns to a version, 0 for none.</summary>
    public void Rollback(ulong target)
    {
        Close(view => view.Number > target);
        Both(store => store.Rollback(target));
        Forget(target);
    }

    /// <summary>Closes the store, and opens it again.</summary>
    public void Reopen()
    {
        Close(_ => true);
        Store.Dispose();
        Store = open();
        ulong newest = names.Count == 0 ? 0 : names.Keys.Last();
        model.Rollback(newest);
        Forget(newest);
    }

    /// <summary>Compares the live state.</summary>
    public void CheckLive()
    {
        Assert.Equal(model.Versions, Store.Versions);
        Assert.Equal(Dump(model), Dump(Store));
    }

    /// <summary>Compares the live state, all versions, and all open views.</summary>
    public void Check()
    {
        CheckLive();
        foreach (ulong version in model.Versions)
        {
            using IStoreView expected = model.OpenVersion(version);
            using IStoreView actual = Store.OpenVersion(version);
            List<string> lines = Dump(expected);
            Assert.Equal(lines, Dump(actual));
            foreach ((_, IStoreView view) in views.FindAll(view => view.Number == version))
                Assert.Equal(lines, Dump(view));
        }
    }

    public void Dispose()
    {
        Close(_ => true);
        Store.Dispose();
    }

    private static byte[] Key(ulong key) => Encoding.ASCII.GetBytes($"k{key:x}");

    private static SortedDictionary<uint, Named> Copy(SortedDictionary<uint, Named> from)
    {
        var copy = new SortedDictionary<uint, Named>();
        foreach ((uint index, Named one) in from)
        {
            var writer = new MessageWriter();
            one.Record.Encode(writer);
            Assert.True(ObjectRecord.TryDecode(index, writer.ToArray(), out ObjectRecord? record));
            copy.Add(index, one with { Record = record });
        }

        return copy;
    }

    // What an empty store gets first.
    private void Begin()
    {
        if (Store.ReadObject(0) is not null)
            return;
        var root = new ObjectRecord(0) { Generation = 1, Type = ObjectType.Directory, Mode = 0x1ed, LinkCount = 2 };
        Both(store => store.MakeObject(root));
        Both(store => store.WriteObject(root));
        Make(Folder, new Named(0, "folder"), ObjectType.Directory);
    }

    private void Make(uint index, Named place, ObjectType type)
    {
        place = place with { Record = new ObjectRecord(index) { Generation = generation++, Type = type, Mode = 0x1a4, LinkCount = 1 } };
        Both(store => store.MakeObject(place.Record));
        Both(store => store.AddEntry(place.Directory, place.Name, place.Record.Id));
        Write(place);
        if (type == ObjectType.File)
            named.Add(index, place);
    }

    private void Write(Named file) => Both(store => store.WriteObject(file.Record));

    private void Both(Action<IBackingStore> change)
    {
        change(model);
        change(Store);
    }

    private ulong Version(int which) => names.Keys.ElementAt(which % names.Count);

    private void Forget(ulong target)
    {
        named = target == 0 ? [] : Copy(names[target]);
        foreach (ulong later in names.Keys.Where(version => version > target).ToArray())
            names.Remove(later);
        number = target;
        Begin();
    }

    private void Close(Predicate<(ulong Number, IStoreView View)> which)
    {
        foreach ((ulong closed, IStoreView view) in views.FindAll(which))
            view.Dispose();
        views.RemoveAll(which);
    }

    private sealed record Named(uint Directory, string Text)
    {
        public byte[] Name => Encoding.ASCII.GetBytes(Text);

        public ObjectRecord Record { get; init; } = null!;
    }
}
