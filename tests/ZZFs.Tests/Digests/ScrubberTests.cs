using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

/// <summary>Whatever rots in a store or in its digests is found by reading it again, and named.</summary>
public sealed class ScrubberTests : IDisposable
{
    private const ulong FarBlock = 70_000;

    private readonly MemoryStore store = new();
    private readonly MemoryDigestStore digests = new();
    private readonly ConformanceWrapper service;
    private readonly Digest state;
    private readonly ObjectId file;
    private readonly ObjectId directory;
    private readonly ObjectId link;

    public ScrubberTests()
    {
        service = new ConformanceWrapper(store, digests, VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        byte[] data = new byte[3 * Specification.BlockBytes];
        new Random(3).NextBytes(data);
        file = fs.File(Root, "file");
        fs.Write(file, 0, data);
        fs.Write(file, FarBlock * Specification.BlockBytes, data);
        fs.Must(new SetXattr(file, Name("user.a"), new byte[] { 1, 2, 3 }, 0));
        directory = fs.Directory(Root, "directory");
        for (int i = 0; i < 200; i++)
            fs.Must(new Link(file, directory, Name("name " + i)));
        link = fs.Must(new MakeSymlink(Root, Name("link"), Name("target"))).Object!.Value;
        fs.File(Root, "gone");
        fs.Must(new Unlink(Root, Name("gone"), false));
        state = fs.Checkpoint(1);
    }

    public void Dispose() => service.Dispose();

    [Fact]
    public void A_good_version_is_read_whole_and_found_good()
    {
        Scrubber scrubber = Scrub(_ => { });
        Assert.Empty(scrubber.Damages);
        Assert.Equal(6L * Specification.BlockBytes, scrubber.BytesRead);
        Assert.InRange(scrubber.ObjectsRead, 5, 6);
    }

    [Fact]
    public void A_block_that_changed_is_named() =>
        Expect(view => view.Block = (index, number, content) => content[9] ^= (byte)(index == file.Index && number == FarBlock + 1 ? 1 : 0), file, $"block {FarBlock + 1} is wrong");

    [Fact]
    public void A_block_that_is_gone_is_named() => Expect(view => view.Gone = (file.Index, 2), file, "block 2 is gone");

    [Fact]
    public void A_block_where_a_hole_should_be_is_named() => Expect(view => view.Stray = (file.Index, 40_000), file, "block 40000 is there and should be a hole");

    [Fact]
    public void Wrong_attributes_are_found() => Expect(view => view.Record = record => record.Mode ^= (ushort)(record.Index == file.Index ? 1 : 0), file, "its attributes are wrong");

    [Fact]
    public void Wrong_extended_attributes_are_found() => Expect(view => view.Metadata = (key, value) => value[^1] ^= (byte)(key[0] == (byte)MetadataKind.Xattr ? 1 : 0), file, "its extended attributes are wrong");

    [Fact]
    public void A_missing_name_is_found() => Expect(view => view.HiddenName = "name 77", directory, "its names are wrong");

    [Fact]
    public void A_wrong_target_is_found() =>
        Expect(view => view.Block = (index, _, content) => content[0] ^= (byte)(index == link.Index ? 1 : 0), link, "its target is wrong");

    [Fact]
    public void An_object_that_is_gone_is_found() => Expect(view => view.GoneObject = link.Index, link, "it is gone");

    // The disk refuses to read it, or its file was removed.
    [Fact]
    public void What_cannot_be_read_is_named_and_the_rest_is_read_all_the_same()
    {
        Scrubber scrubber = Scrub(view => view.Block = (index, number, _) => { if (index == file.Index && number == 1) throw new StoreException("the disk refuses"); });
        Assert.Equal([new Damage(file.Index, "the disk refuses")], scrubber.Damages);
        Assert.Equal(5L * Specification.BlockBytes, scrubber.BytesRead);
    }

    [Theory]
    [InlineData((byte)DigestKind.FileNode)]
    [InlineData((byte)DigestKind.ArrayNode)]
    [InlineData((byte)DigestKind.Root)]
    [InlineData((byte)DigestKind.Object)]
    public void Digests_that_rotted_are_found(byte kind)
    {
        using IStoreView view = store.OpenVersion(1);
        using var known = new RottenDigests(digests.OpenVersion(1), kind);
        var scrubber = new Scrubber(view, known, state, VolumeLimits.Default);
        scrubber.Run(() => true);
        Assert.NotEmpty(scrubber.Damages);
    }

    [Fact]
    public void Another_state_than_the_one_that_was_signed_is_found()
    {
        using IStoreView view = store.OpenVersion(1);
        using IDigestView known = digests.OpenVersion(1);
        var scrubber = new Scrubber(view, known, Digest.Of([1]), VolumeLimits.Default);
        scrubber.Run(() => true);
        Assert.Equal([new Damage(0, "the root of the digests is not the one that was signed")], scrubber.Damages);
    }

    [Fact]
    public void A_store_of_which_nothing_can_be_read_ends_the_scrub()
    {
        Scrubber scrubber = Scrub(view => view.Record = _ => throw new StoreException("nothing can be read"));
        Assert.True(scrubber.DamageCount >= 4);
        Assert.All(scrubber.Damages, damage => Assert.Equal("nothing can be read", damage.What));
    }

    [Fact]
    public void It_ends_when_it_is_told_to()
    {
        using IStoreView view = store.OpenVersion(1);
        using IDigestView known = digests.OpenVersion(1);
        var scrubber = new Scrubber(view, known, state, VolumeLimits.Default);
        int asked = 0;
        scrubber.Run(() => ++asked < 3);
        Assert.True(scrubber.BytesRead < 6L * Specification.BlockBytes);
    }

    private void Expect(Action<TamperedView> tamper, ObjectId damaged, string what)
    {
        Damage damage = Assert.Single(Scrub(tamper).Damages);
        Assert.Equal((damaged.Index, what), (damage.Object, damage.What));
    }

    private Scrubber Scrub(Action<TamperedView> tamper)
    {
        using var view = new TamperedView(store.OpenVersion(1));
        tamper(view);
        using IDigestView known = digests.OpenVersion(1);
        var scrubber = new Scrubber(view, known, state, VolumeLimits.Default);
        scrubber.Run(() => true);
        return scrubber;
    }

    private sealed class TamperedView(IStoreView view) : IStoreView
    {
        public Action<uint, ulong, Span<byte>> Block { get; set; } = (_, _, _) => { };

        public Action<ObjectRecord> Record { get; set; } = _ => { };

        public Action<byte[], byte[]> Metadata { get; set; } = (_, _) => { };

        public (uint Index, ulong Number)? Gone { get; set; }

        public (uint Index, ulong Number)? Stray { get; set; }

        public uint? GoneObject { get; set; }

        public string? HiddenName { get; set; }

        public ObjectRecord? ReadObject(uint index)
        {
            ObjectRecord? record = index == GoneObject ? null : view.ReadObject(index);
            if (record is not null)
                Record(record);
            return record;
        }

        public bool ReadBlock(uint index, ulong block, Span<byte> destination)
        {
            if (Gone == (index, block))
            {
                destination.Clear();
                return false;
            }

            bool found = view.ReadBlock(index, block, destination);
            if (found)
                Block(index, block, destination);
            return found;
        }

        public bool HasBlock(uint index, ulong block) => view.HasBlock(index, block);

        public ulong? NextBlock(uint index, ulong first, ulong last) =>
            Stray is { } stray && stray.Index == index && stray.Number >= first && stray.Number <= last ? stray.Number : view.NextBlock(index, first, last);

        public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => view.FindEntry(directory, name);

        public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
            view.ListEntries(directory, from, inclusive, (name, target) => (HiddenName is { } hidden && name.SequenceEqual(Name(hidden).Span)) || visitor(name, target));

        public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => view.ReadMetadata(key);

        public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => view.LastMetadataKey(low, high);

        public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => view.ListMetadata(from, to, (key, value) =>
        {
            byte[] changed = value.ToArray();
            Metadata(key.ToArray(), changed);
            return visitor(key, changed);
        });

        public void Dispose() => view.Dispose();
    }

    // The first record of a kind has another last byte.
    private sealed class RottenDigests(IDigestView view, byte kind) : IDigestView
    {
        private byte[]? rotten;

        public byte[]? Read(ReadOnlySpan<byte> key)
        {
            byte[]? value = view.Read(key);
            if (value is null || key[0] != kind || (rotten is not null && !key.SequenceEqual(rotten)))
                return value;
            rotten ??= key.ToArray();
            byte[] changed = [.. value];
            changed[^1] ^= 1;
            return changed;
        }

        public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => view.LastKey(low, high);

        public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => view.List(from, to, visitor);

        public void Dispose() => view.Dispose();
    }
}
