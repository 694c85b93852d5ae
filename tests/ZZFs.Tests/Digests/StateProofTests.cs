using Agreement.Messages;
using CsCheck;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

/// <summary>Single things are proven against the state's digest alone, and nothing false can be.</summary>
public sealed class StateProofTests : IDisposable
{
    private const int SmallEntries = 40;
    private const int LargeEntries = 9000;

    private readonly MemoryStore store = new();
    private readonly MemoryDigestStore digests = new();
    private readonly ConformanceWrapper service;
    private readonly IStoreView view;
    private readonly IDigestView known;
    private readonly StateProver prover;
    private readonly Digest state;
    private readonly ObjectId file;
    private readonly ObjectId small;
    private readonly ObjectId large;
    private readonly ObjectId empty;
    private readonly byte[] data = new byte[3 * Specification.BlockBytes];

    public StateProofTests()
    {
        service = new ConformanceWrapper(store, digests, VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        new Random(1).NextBytes(data);
        data[^1] = 1;
        file = fs.File(Root, "file");
        fs.Write(file, 0, data);
        fs.Write(file, 700UL * Specification.BlockBytes, data);
        fs.Must(new SetXattr(file, Name("user.b"), new byte[] { 1, 2, 3 }, 0));
        fs.Must(new SetXattr(file, Name("user.a"), data.AsMemory(0, 5000), 0));
        empty = fs.Directory(Root, "empty");
        small = fs.Directory(Root, "small");
        for (int i = 0; i < SmallEntries; i++)
            fs.Must(new Link(file, small, Name("n" + i)));
        large = fs.Directory(Root, "large");
        for (int i = 0; i < LargeEntries; i++)
            fs.Must(new Link(file, large, Name("n" + i)));
        fs.File(Root, "gone");
        fs.Must(new Unlink(Root, Name("gone"), false));
        state = fs.Checkpoint(1);
        view = store.OpenVersion(1);
        known = digests.OpenVersion(1);
        prover = new StateProver(view, known, VolumeLimits.Default);
    }

    public void Dispose()
    {
        view.Dispose();
        known.Dispose();
        service.Dispose();
    }

    [Fact]
    public void Attributes_of_every_object_are_proven()
    {
        for (uint index = 0; view.ReadObject(index) is { } record; index++)
        {
            byte[] proof = prover.ProveObject(index)!;
            Assert.InRange(proof.Length, 100, 33 << 10);
            Assert.True(StateProof.TryVerifyObject(state, index, proof, out ProvenObject? proven));
            Assert.Equal(record.Generation, proven.Generation);
            Assert.Equal(record.Type == ObjectType.Null ? null : record.ToAttributes(), proven.Attributes);
            Assert.False(StateProof.TryVerifyObject(state, index + 1, proof, out _));
            Assert.False(StateProof.TryVerifyObject(Digest.Of([1]), index, proof, out _));
        }
    }

    [Theory]
    [InlineData(5u)]
    [InlineData(6u)]
    [InlineData(300u)]
    [InlineData(uint.MaxValue)]
    public void That_a_place_is_free_is_proven(uint index)
    {
        Assert.True(StateProof.TryVerifyObject(state, index, prover.ProveObject(index)!, out ProvenObject? proven));
        Assert.Null(proven.Attributes);
        Assert.Equal(index == 5 ? 1ul : 0ul, proven.Generation);
    }

    [Fact]
    public void Blocks_and_holes_are_proven()
    {
        byte[] block = new byte[Specification.BlockBytes];
        foreach (ulong number in (ulong[])[0, 1, 2, 3, 255, 256, 699, 700, 702, 703, 1 << 20, ulong.MaxValue])
        {
            byte[] proof = prover.ProveBlock(file.Index, number)!;
            Assert.InRange(proof.Length, 100, (66 << 10) + Specification.BlockBytes);
            Assert.True(StateProof.TryVerifyBlock(state, file.Index, number, proof, out ProvenObject? proven, out ReadOnlyMemory<byte> content));
            Assert.Equal(file.Generation, proven.Generation);
            bool isStored = view.ReadBlock(file.Index, Math.Min(number, 1 << 29), block);
            Assert.Equal(isStored ? block.AsSpan(0, block.AsSpan().LastIndexOfAnyExcept((byte)0) + 1).ToArray() : [], content.ToArray());

            // What proves one block proves no other that has another content.
            Assert.False(StateProof.TryVerifyBlock(state, file.Index, isStored ? 400ul : 1ul, proof, out _, out _));
        }
    }

    [Fact]
    public void Entries_and_their_absence_are_proven_in_directories_of_all_sizes()
    {
        foreach (ObjectId directory in (ObjectId[])[Root, empty, small, large])
        {
            int size = directory == small ? SmallEntries : directory == large ? LargeEntries : 0;
            foreach (string name in (string[])["", "\u0001", "file", "empty", "n", "n0", "n7", "n39", "n40", "n4444", "n8999", "n9", "n90", "n9000", "zzz", "\u007f"])
            {
                byte[] proof = prover.ProveEntry(directory.Index, Name(name).Span)!;
                Assert.InRange(proof.Length, 100, 64 << 10);
                Assert.True(StateProof.TryVerifyEntry(state, directory.Index, Name(name).Span, proof, out ProvenObject? proven, out ObjectId? target));
                Assert.Equal(directory.Generation, proven.Generation);
                Assert.Equal(view.FindEntry(directory.Index, Name(name).Span), target);
                if (size > 0 && target is not null)
                    Assert.Equal(file, target);
            }
        }
    }

    // A proof for one name must not pass for one of another that is in another range.
    [Fact]
    public void That_a_name_is_free_is_not_proven_by_a_range_that_it_is_not_in()
    {
        int refused = 0;
        for (int i = 0; i < 200; i++)
        {
            byte[] proof = prover.ProveEntry(large.Index, Name("n" + (i * 40)).Span)!;
            ReadOnlySpan<byte> other = Name("n" + (((i * 40) + 4000) % LargeEntries)).Span;
            if (!StateProof.TryVerifyEntry(state, large.Index, other, proof, out _, out ObjectId? target))
                refused++;
            else
                Assert.NotNull(target);
        }

        Assert.InRange(refused, 150, 200);
    }

    [Fact]
    public void Extended_attributes_are_proven()
    {
        Assert.True(StateProof.TryVerifyXattrs(state, file.Index, prover.ProveXattrs(file.Index)!, out _, out var xattrs));
        Assert.Equal(["user.a", "user.b"], xattrs.Select(one => System.Text.Encoding.UTF8.GetString(one.Name.Span)));
        Assert.Equal(data.AsSpan(0, 5000).ToArray(), xattrs[0].Value.ToArray());
        Assert.True(StateProof.TryVerifyXattrs(state, small.Index, prover.ProveXattrs(small.Index)!, out _, out xattrs));
        Assert.Empty(xattrs);
    }

    [Fact]
    public void Nothing_is_proven_of_what_is_not_there()
    {
        Assert.Null(prover.ProveBlock(small.Index, 0));
        Assert.Null(prover.ProveBlock(1000, 0));
        Assert.Null(prover.ProveEntry(file.Index, [1]));
        Assert.Null(prover.ProveXattrs(1000));
    }

    // "Rejects any change of a bit".
    [Fact]
    public void Every_bit_of_a_proof_counts()
    {
        foreach ((byte[] proof, Func<ReadOnlyMemory<byte>, bool> verify) in AllKinds())
        {
            Assert.True(verify(proof));
            int step = Math.Max(1, proof.Length / 2000);
            for (int at = 0; at < proof.Length; at += step)
            {
                byte[] wrong = [.. proof];
                wrong[at] ^= (byte)(1 << at / step % 8);
                Assert.False(verify(wrong), $"byte {at} of {proof.Length}");
            }

            for (int length = 0; length < proof.Length; length += step)
                Assert.False(verify(proof.AsMemory(0, length)));
            Assert.False(verify((byte[])[.. proof, 0]));
        }
    }

    [Fact]
    public void Garbage_proves_nothing_and_throws_nothing()
    {
        // Made once: samples run on several threads, and a prover on one.
        (byte[] Proof, Func<ReadOnlyMemory<byte>, bool> Verify)[] kinds = [.. AllKinds()];
        Gen.Byte.Array[0, 300].Sample(bytes => Assert.DoesNotContain(kinds, kind => kind.Verify(bytes)), iter: 300);

        // Pieces of real proofs lead further into the parser.
        Gen.Select(Gen.Int[0, kinds.Length - 1], Gen.Int[0, kinds.Length - 1], Gen.Int[0, 4000], Gen.Int[0, 4000], Gen.Byte.Array[0, 40]).Sample(
            (one, other, cut, from, junk) =>
            {
                byte[] head = kinds[one].Proof[..Math.Min(cut, kinds[one].Proof.Length)];
                byte[] tail = kinds[other].Proof[Math.Min(from, kinds[other].Proof.Length)..];
                byte[] mixed = [.. head, .. junk, .. tail];
                if (!mixed.AsSpan().SequenceEqual(kinds[one].Proof))
                    Assert.False(kinds[one].Verify(mixed));
            },
            iter: 2000);
    }

    private IEnumerable<(byte[] Proof, Func<ReadOnlyMemory<byte>, bool> Verify)> AllKinds()
    {
        yield return (prover.ProveObject(file.Index)!, proof => StateProof.TryVerifyObject(state, file.Index, proof, out _));
        yield return (prover.ProveObject(7000)!, proof => StateProof.TryVerifyObject(state, 7000, proof, out _));
        yield return (prover.ProveBlock(file.Index, 701)!, proof => StateProof.TryVerifyBlock(state, file.Index, 701, proof, out _, out _));
        yield return (prover.ProveBlock(file.Index, 400)!, proof => StateProof.TryVerifyBlock(state, file.Index, 400, proof, out _, out _));
        yield return (prover.ProveEntry(small.Index, "n3"u8)!, proof => StateProof.TryVerifyEntry(state, small.Index, "n3"u8, proof, out _, out _));
        yield return (prover.ProveEntry(large.Index, "no"u8)!, proof => StateProof.TryVerifyEntry(state, large.Index, "no"u8, proof, out _, out _));
        yield return (prover.ProveEntry(empty.Index, "no"u8)!, proof => StateProof.TryVerifyEntry(state, empty.Index, "no"u8, proof, out _, out _));
        yield return (prover.ProveXattrs(file.Index)!, proof => StateProof.TryVerifyXattrs(state, file.Index, proof, out _, out _));
        yield return (prover.ProveXattrs(small.Index)!, proof => StateProof.TryVerifyXattrs(state, small.Index, proof, out _, out _));
    }
}
