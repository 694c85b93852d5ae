using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Abstraction.Conformance;

/// <summary>
/// What every service must do, whatever store is beneath it. A store's own test class derives from this and says how one is
/// opened.
/// </summary>
public abstract partial class FileServiceConformance : IDisposable
{
    private static readonly ReadOnlyMemory<byte> Ten = "0123456789"u8.ToArray();

    private readonly List<IFileService> opened = [];
    private FileServiceDriver? driver;

    private FileServiceDriver Fs => driver ??= New(VolumeLimits.Default);

    public void Dispose()
    {
        opened.ForEach(service => service.Dispose());
        CleanUp();
        GC.SuppressFinalize(this);
    }

    protected abstract IFileService Open(VolumeLimits limits);

    protected abstract void CleanUp();

    private FileServiceDriver New(VolumeLimits limits)
    {
        opened.Add(Open(limits));
        return new FileServiceDriver(opened[^1]);
    }

    [StoreFact]
    public void A_new_volume_has_an_empty_root()
    {
        Attributes root = Fs.Attributes(Root);
        Assert.Equal(new Attributes(ObjectType.Directory, 0x1ed, 0, 0, 2, 0, 0, default, default, default, 0, 0), root);
        Assert.Empty(Fs.List(Root));
        Assert.Equal(SequenceNumber.Zero, Fs.Service.LastCheckpoint);
        Assert.True(Fs.Service.LastCheckpointAnnex.IsEmpty);
    }

    [StoreFact]
    public void What_cannot_be_decoded_gives_EPROTO()
    {
        var reply = new MessageWriter();
        foreach (byte[] bad in new byte[][] { [], [255], [16], [3, 1, 2] })
        {
            reply.Clear();
            Fs.Service.Execute(new OperationContext(default, default, default, ExportEntry.Full), bad, reply);
            Assert.True(OperationCodec.TryDecodeResult(reply.ToArray(), out OperationResult result));
            Assert.Equal(Errno.EPROTO, result.Error);
        }
    }

    [StoreFact]
    public void Every_operation_on_a_stale_object_gives_ESTALE()
    {
        ObjectId stale = Fs.File(Root, "gone");
        Fs.Must(new Unlink(Root, Name("gone"), false));
        ObjectId file = Fs.File(Root, "file");
        Assert.Equal(stale.Index, file.Index);
        Assert.Equal(stale.Generation + 1, file.Generation);
        ReadOnlyMemory<byte> n = Name("n");
        foreach (Operation operation in new Operation[]
        {
            new Lookup(stale, n), new GetAttributes(stale), Fs.Chmod(stale, 0), new CheckAccess(stale, 4), new ReadLink(stale),
            new Read(stale, 0, 1, true), new Write(stale, 0, Ten, false, true), new Create(stale, n, 0, true),
            new Create(stale, n, 0, false), new MakeDirectory(stale, n, 0), new MakeSymlink(stale, n, n),
            new MakeNode(stale, n, ObjectType.Fifo, 0, 0), new Link(stale, Root, n), new Link(file, stale, n),
            new Unlink(stale, n, false), new RemoveDirectory(stale, n), new Rename(stale, n, Root, n, RenameMode.Replace, false),
            new Rename(Root, Name("file"), stale, n, RenameMode.Replace, false), new ReadDirectory(stale, default, 1, 1),
            new GetXattr(stale, Name("user.a")), new SetXattr(stale, Name("user.a"), n, 0), new ListXattrs(stale),
            new RemoveXattr(stale, Name("user.a")), new Allocate(stale, 0, 0, 1, true), new Seek(stale, 0, true),
            new CopyRange(stale, 0, file, 0, 1), new CopyRange(file, 0, stale, 0, 1),
            new SetLock(stale, 1, 0, 1, LockKind.Read, 1, false), new TestLock(stale, 1, 0, 1, LockKind.Read), new ReleaseOrphan(stale),
        })
        {
            Fs.Fails(Errno.ESTALE, operation);
        }
    }

    [StoreFact]
    public void Generations_contain_the_incarnation()
    {
        ObjectId old = Fs.File(Root, "a");
        Fs.Must(new Unlink(Root, Name("a"), false));
        Fs.Incarnation = 5;
        ObjectId young = Fs.File(Root, "a");
        Assert.Equal(old.Index, young.Index);
        Assert.True(young.Generation > old.Generation + 1);
        Fs.Must(new Unlink(Root, Name("a"), false));
        Fs.Incarnation = 6;
        Assert.True(Fs.File(Root, "a").Generation > young.Generation + 1);
    }

    [StoreFact]
    public void The_lowest_free_place_is_given_out_first()
    {
        List<ObjectId> files = [.. Enumerable.Range(0, 200).Select(i => Fs.File(Root, "f" + i))];
        Assert.Equal(Enumerable.Range(1, 200).Select(i => (uint)i), files.Select(file => file.Index));
        Fs.Must(new Unlink(Root, Name("f150"), false));
        Fs.Must(new Unlink(Root, Name("f20"), false));
        Assert.Equal(files[20].Index, Fs.File(Root, "x").Index);
        Assert.Equal(files[150].Index, Fs.File(Root, "y").Index);
        Assert.Equal(201u, Fs.File(Root, "z").Index);
    }

    [StoreFact]
    public void A_compound_hands_objects_on_and_stops_at_the_first_failure()
    {
        OperationResult result = Fs.Must(new Compound([
            new MakeDirectory(Root, Name("d"), 0x1ed),
            new Create(ObjectId.Current, Name("f"), 0x1a4, true),
            new Write(ObjectId.Current, 0, Ten, false, true),
            new Read(ObjectId.Current, 2, 3, true),
        ]));
        Assert.Equal(4, result.Parts!.Count);
        Assert.Equal("234"u8.ToArray(), result.Parts[3].Data!.Value.ToArray());

        OperationResult failed = Fs.Run(new Compound([new Lookup(Root, Name("no")), new Create(Root, Name("no"), 0, true)]));
        Assert.Equal(Errno.ENOENT, failed.Error);
        Assert.Single(failed.Parts!);
        Assert.Equal(["d"], Fs.List(Root));
        Fs.Fails(Errno.EINVAL, new GetAttributes(ObjectId.Current));
    }

    [StoreFact]
    public void Results_of_a_compound_stay_within_their_bound()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Must(Fs.Truncate(file, 4 << 20));
        OperationResult result = Fs.Run(new Compound([new Read(file, 0, 1 << 20, true), new Read(file, 0, 1, true)]));
        Assert.Equal([Errno.None, Errno.E2BIG], result.Parts!.Select(part => part.Error));
    }

    [StoreFact]
    public void Space_and_objects_run_out_by_the_abstract_numbers()
    {
        FileServiceDriver fs = New(new VolumeLimits((3 * Specification.BlockBytes) + 200, 4, 2));
        ObjectId file = fs.File(Root, "f");
        fs.Write(file, 0, new byte[] { 1 });
        fs.Write(file, Specification.BlockBytes, new byte[] { 1 });

        // Two more blocks don't fit, and nothing of such a write is done; holes and overwriting cost nothing.
        byte[] across = new byte[Specification.BlockBytes * 2];
        across.AsSpan().Fill(7);
        fs.Fails(Errno.ENOSPC, new Write(file, Specification.BlockBytes * 2, across, false, true));
        Assert.Equal(Specification.BlockBytes + 1u, fs.Attributes(file).SizeBytes);
        fs.Write(file, 0, across);
        fs.Write(file, Specification.BlockBytes * 5, new byte[Specification.BlockBytes]);
        fs.Write(file, Specification.BlockBytes * 9, new byte[] { 1 });
        fs.Fails(Errno.ENOSPC, new Write(file, Specification.BlockBytes * 4, new byte[] { 1 }, false, true));
        VolumeStatistics full = fs.Must(new GetStatistics()).Statistics!;
        Assert.Equal(new VolumeStatistics((3 * Specification.BlockBytes) + 200, (3 * Specification.BlockBytes) + 32, 4, 2), full);

        fs.File(Root, "g");
        fs.Directory(Root, "d");
        fs.Fails(Errno.ENOSPC, new Create(Root, Name("h"), 0, true));
        fs.Must(new Unlink(Root, Name("f"), false));
        Assert.Equal(new VolumeStatistics((3 * Specification.BlockBytes) + 200, 64, 4, 3), fs.Must(new GetStatistics()).Statistics);
        fs.Must(new Create(Root, Name("h"), 0, true));
    }
}
