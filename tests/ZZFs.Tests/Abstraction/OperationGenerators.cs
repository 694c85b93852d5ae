using Agreement.Messages;
using CsCheck;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction;

/// <summary>Generators of arbitrary well-formed operations and results, whether or not they make sense.</summary>
internal static class OperationGenerators
{
    private static readonly Gen<ObjectId> Objects = Gen.Select(Gen.UInt, Gen.ULong, (index, generation) => new ObjectId(index, generation));

    private static readonly Gen<ReadOnlyMemory<byte>> Names = Gen.Byte.Array[0, 300].Select(bytes => new ReadOnlyMemory<byte>(bytes));

    private static readonly Gen<ushort> Modes = Gen.UShort[0, 0xfff];

    private static readonly Gen<Timestamp> Times = Gen.Long.Select(value => new Timestamp(value));

    private static readonly Gen<LockKind> LockKinds = Gen.Byte[0, 2].Select(value => (LockKind)value);

    public static readonly Gen<Credentials> Callers =
        Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt.Array[0, Specification.MaximumGroups], (uid, gid, groups) => new Credentials(uid, gid, groups));

    private static readonly Gen<Operation> Simple = Gen.OneOf<Operation>(
        Gen.Select(Objects, Names, (o, n) => (Operation)new Lookup(o, n)),
        Objects.Select(o => (Operation)new GetAttributes(o)),
        Gen.Select(
            Gen.Select(Objects, Gen.UShort[0, 0xff], Gen.UShort, Gen.UInt),
            Gen.Select(Gen.UInt, Gen.ULong, Times, Times, Gen.Bool),
            (a, b) => (Operation)new SetAttributes(a.Item1, (AttributeMask)a.Item2, a.Item3, a.Item4, b.Item1, b.Item2, b.Item3, b.Item4, b.Item5)),
        Gen.Select(Objects, Gen.Byte[0, 7], (o, p) => (Operation)new CheckAccess(o, p)),
        Objects.Select(o => (Operation)new ReadLink(o)),
        Gen.Select(Objects, Gen.ULong, Gen.UInt, Gen.Bool, (o, at, count, a) => (Operation)new Read(o, at, count, a)),
        Gen.Select(Objects, Gen.ULong, Names, Gen.Bool, Gen.Bool, (o, at, data, p, a) => (Operation)new Write(o, at, data, p, a)),
        Gen.Select(Objects, Names, Gen.UShort, Gen.Bool, (o, n, m, x) => (Operation)new Create(o, n, m, x)),
        Gen.Select(Objects, Names, Gen.UShort, (o, n, m) => (Operation)new MakeDirectory(o, n, m)),
        Gen.Select(Objects, Names, Names, (o, n, t) => (Operation)new MakeSymlink(o, n, t)),
        Gen.Select(Objects, Names, Gen.Byte[0, 7], Gen.UShort, Gen.UInt, (o, n, t, m, d) => (Operation)new MakeNode(o, n, (ObjectType)t, m, d)),
        Gen.Select(Objects, Objects, Names, (o, d, n) => (Operation)new Link(o, d, n)),
        Gen.Select(Objects, Names, Gen.Bool, (o, n, k) => (Operation)new Unlink(o, n, k)),
        Gen.Select(Objects, Names, (o, n) => (Operation)new RemoveDirectory(o, n)),
        Gen.Select(Objects, Names, Objects, Names, Gen.Byte[0, 2], Gen.Bool, (s, sn, t, tn, m, k) => (Operation)new Rename(s, sn, t, tn, (RenameMode)m, k)),
        Gen.Select(Objects, Names, Gen.UInt, Gen.UInt, (o, n, e, b) => (Operation)new ReadDirectory(o, n, e, b)),
        Gen.Const<Operation>(new GetStatistics()),
        Objects.Select(o => (Operation)new Sync(o)),
        Gen.Select(Objects, Names, (o, n) => (Operation)new GetXattr(o, n)),
        Gen.Select(Objects, Names, Names, Gen.Byte, (o, n, v, f) => (Operation)new SetXattr(o, n, v, f)),
        Objects.Select(o => (Operation)new ListXattrs(o)),
        Gen.Select(Objects, Names, (o, n) => (Operation)new RemoveXattr(o, n)),
        Gen.Select(Objects, Gen.UInt, Gen.ULong, Gen.ULong, Gen.Bool, (o, m, at, l, a) => (Operation)new Allocate(o, (AllocateMode)m, at, l, a)),
        Gen.Select(Objects, Gen.ULong, Gen.Bool, (o, at, h) => (Operation)new Seek(o, at, h)),
        Gen.Select(Objects, Gen.ULong, Objects, Gen.ULong, Gen.ULong, (s, sa, t, ta, l) => (Operation)new CopyRange(s, sa, t, ta, l)),
        Gen.Select(
            Gen.Select(Objects, Gen.ULong, Gen.ULong, Gen.ULong),
            Gen.Select(LockKinds, Gen.UInt, Gen.Bool),
            (a, b) => (Operation)new SetLock(a.Item1, a.Item2, a.Item3, a.Item4, b.Item1, b.Item2, b.Item3)),
        Gen.Select(Objects, Gen.ULong, Gen.ULong, Gen.ULong, LockKinds, (o, w, s, e, k) => (Operation)new TestLock(o, w, s, e, k)),
        Objects.Select(o => (Operation)new ReleaseOrphan(o)));

    public static readonly Gen<Operation> Operations = Gen.OneOf(
        Simple,
        Simple.Array[0, Specification.MaximumCompound].Select(parts => (Operation)new Compound(parts)));

    private static readonly Gen<Attributes> AttributeSets = Gen.Select(
        Gen.Select(Gen.Byte[0, 7], Modes, Gen.UInt, Gen.UInt, Gen.UInt),
        Gen.Select(Gen.ULong, Gen.ULong, Times, Times, Times),
        Gen.Select(Gen.UInt, Gen.ULong),
        (a, b, c) => new Attributes(
            (ObjectType)a.Item1, a.Item2, a.Item3, a.Item4, a.Item5, b.Item1, b.Item2, b.Item3, b.Item4, b.Item5, c.Item1, c.Item2));

    private static readonly Gen<DirectoryState> DirectoryStates =
        Gen.Select(Gen.ULong, AttributeSets, (before, after) => new DirectoryState(before, after));

    private static readonly Gen<DirectoryEntry> Entries = Gen.Select(
        Gen.Byte.Array[0, Specification.MaximumNameBytes], Objects, AttributeSets, (name, o, a) => new DirectoryEntry(name, o, a));

    private static readonly Gen<OperationResult> SimpleResults = Gen.Select(
        Gen.Select(Gen.Int[0, 200], Objects, Objects, AttributeSets, DirectoryStates),
        Gen.Select(DirectoryStates, Names, Gen.ULong, Gen.Bool, Entries.Array[0, 5]),
        Gen.Select(Gen.ULong, LockKinds, Gen.Int[0, (1 << 10) - 1]),
        (a, b, c) => new OperationResult
        {
            Error = (Errno)a.Item1,
            Object = Has(c.Item3, 0) ? a.Item2 : null,
            SecondObject = Has(c.Item3, 1) ? a.Item3 : null,
            Attributes = Has(c.Item3, 2) ? a.Item4 : null,
            Directory = Has(c.Item3, 3) ? a.Item5 : null,
            SecondDirectory = Has(c.Item3, 4) ? b.Item1 : null,
            Data = Has(c.Item3, 5) ? b.Item2 : (ReadOnlyMemory<byte>?)null,
            Number = Has(c.Item3, 6) ? b.Item3 : null,
            EndOfData = b.Item4,
            Entries = Has(c.Item3, 7) ? b.Item5 : null,
            Statistics = Has(c.Item3, 8) ? new VolumeStatistics(c.Item1, b.Item3, c.Item1 + 1, c.Item1 + 2) : null,
            Conflict = Has(c.Item3, 9) ? new LockConflict(c.Item1, b.Item3, c.Item2, (uint)c.Item1) : null,
        });

    public static readonly Gen<OperationResult> Results = Gen.OneOf(
        SimpleResults,
        SimpleResults.Array[0, Specification.MaximumCompound].Select(parts => new OperationResult { Parts = parts }));

    private static bool Has(int bits, int bit) => (bits >> bit & 1) != 0;
}
