using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

/// <summary>Bytes that somebody changed behind the replica's back are found when they are read, and told to nobody.</summary>
public sealed class ReadGuardTests : IDisposable
{
    private readonly MemoryStore store = new();
    private readonly MemoryDigestStore digests = new();
    private readonly ConformanceWrapper service;
    private readonly FileServiceDriver fs;
    private readonly byte[] data = new byte[3 * Specification.BlockBytes];
    private readonly ObjectId file;

    public ReadGuardTests()
    {
        service = new ConformanceWrapper(store, digests, VolumeLimits.Default);
        fs = new FileServiceDriver(service);
        new Random(5).NextBytes(data);
        data[^1] = 1;
        file = fs.File(Root, "file");
        fs.Write(file, 0, data);
        fs.Checkpoint(1);
        ForgetCaches();
    }

    public void Dispose() => service.Dispose();

    [Fact]
    public void What_was_written_is_read() => Assert.Equal(data, fs.Read(file, 0, (uint)data.Length));

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_changed_byte_is_found_at_the_next_read(int block)
    {
        Tamper((ulong)block);
        Assert.Contains($"block {block} of object {file.Index}", Assert.Throws<StoreDamagedException>(() => fs.Read(file, 0, (uint)data.Length)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_block_that_is_gone_is_found()
    {
        store.RemoveBlocks(file.Index, 1, 1);
        Assert.Throws<StoreDamagedException>(() => fs.Read(file, 0, (uint)data.Length));
    }

    // A partial write would give the wrong bytes around it a new digest.
    [Fact]
    public void It_is_found_before_a_part_of_the_block_is_overwritten()
    {
        Tamper(1);
        Assert.Throws<StoreDamagedException>(() => fs.Write(file, Specification.BlockBytes + 5, new byte[] { 1 }));
    }

    [Fact]
    public void What_changed_since_the_checkpoint_is_read_as_it_is()
    {
        fs.Write(file, 10, new byte[] { 1, 2, 3 });
        fs.Must(fs.Truncate(file, (ulong)data.Length - 5));
        fs.Write(file, (ulong)data.Length, new byte[] { 9 });
        byte[] expected = [.. data, 9];
        new byte[] { 1, 2, 3 }.CopyTo(expected, 10);
        expected.AsSpan(data.Length - 5, 5).Clear();
        Assert.Equal(expected, fs.Read(file, 0, (uint)expected.Length));
        fs.Checkpoint(2);
        ForgetCaches();
        Assert.Equal(expected, fs.Read(file, 0, (uint)expected.Length));
        Tamper(1);
        ForgetCaches();
        Assert.Throws<StoreDamagedException>(() => fs.Read(file, 0, (uint)data.Length));
    }

    // The place of one that is gone is given out again, and what is known of the old one says nothing of the new.
    [Fact]
    public void A_new_file_in_the_place_of_an_old_one_is_not_accused()
    {
        Assert.Equal(data[..100], fs.Read(file, 0, 100));
        fs.Must(new Unlink(Root, Name("file"), false));
        ObjectId next = fs.File(Root, "next");
        Assert.Equal(file.Index, next.Index);
        byte[] other = new byte[data.Length];
        new Random(6).NextBytes(other);
        fs.Write(next, 0, other);
        Assert.Equal(fs.Attributes(next).Change, store.ReadObject(file.Index)!.Change);
        ForgetCaches();
        Assert.Equal(other, fs.Read(next, 0, (uint)other.Length));
    }

    // A copy within one file may read a block again that it wrote before, long after that left the memory.
    [Fact]
    public void A_long_operation_is_not_accused_of_what_it_wrote_itself()
    {
        ulong length = (300UL * Specification.BlockBytes) + 1000;
        for (ulong block = 0; block <= 300; block++)
            fs.Write(file, block * Specification.BlockBytes, data.AsMemory(0, block == 300 ? 1000 : Specification.BlockBytes));
        fs.Checkpoint(2);
        ForgetCaches();
        for (ulong from = 0; from < length;)
            from += fs.Must(new CopyRange(file, from, file, length + from, length - from)).Number!.Value;
        Assert.Equal(fs.Read(file, length - 500, 400), fs.Read(file, (2 * length) - 500, 400));
    }

    // Going back to the checkpoint has not healed it: the volume must not stop because of one block.
    [Fact]
    public void What_was_found_before_is_let_through()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("zzfs-test-").FullName, "damaged");
        try
        {
            ObjectRecord record = store.ReadObject(file.Index)!;
            byte[] wrong = data[..Specification.BlockBytes];
            wrong[3] ^= 1;
            for (int life = 0; life < 3; life++)
            {
                var damage = new DamageFile(path);
                Assert.Equal(life > 0 ? 1 : 0, damage.Count);
                using var guard = new ReadGuard(store, damage);
                IDigestView view = digests.OpenVersion(1);
                guard.Begin(view, DigestKeeper.ReadRoot(view));
                if (life == 0)
                    Assert.Throws<StoreDamagedException>(() => guard.Check(record, 0, true, wrong));
                else
                    guard.Check(record, 0, true, wrong);
                Assert.True(damage.IsKnown(file.Index, 0));
            }

            File.AppendAllText(path, "nonsense\n1 2 3\n-1 4\n");
            var last = new DamageFile(path);
            Assert.Equal(1, last.Count);
            last.Clear();
            Assert.Equal(0, new DamageFile(path).Count);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    // That the digests rotted must not stop a replica whose files are right.
    [Fact]
    public void Digests_that_rotted_accuse_nobody()
    {
        byte[] key = DigestKey.OfNode(DigestKind.FileNode, file.Index, 1, 0);
        byte[] node = digests.Read(key)!;
        node[40] ^= 1;
        digests.Write(key, node);
        digests.Commit(2);
        var guard = new ReadGuard(store, new NoDamage());
        using IDigestView view = digests.OpenVersion(2);
        guard.Begin(view, DigestKeeper.ReadRoot(view));
        ObjectRecord record = store.ReadObject(file.Index)!;
        for (ulong block = 0; block < 3; block++)
            guard.Check(record, block, true, data.AsSpan((int)block * Specification.BlockBytes, Specification.BlockBytes));
        Assert.Equal(2, guard.Compared);
    }

    // One of the two services is taken back to each of its checkpoints, so that it holds nothing in memory and reads all again.
    [Fact]
    public void Random_operations_are_never_accused()
    {
        using var plain = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), VolumeLimits.Default);
        using var forgetting = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), VolumeLimits.Default);
        var one = new FileServiceDriver(plain);
        var other = new FileServiceDriver(forgetting);
        List<Step> steps = NVersionRun.Generate(31, 6000);
        for (int i = 0; i < steps.Count; i++)
        {
            if (steps[i].Operation is not { } operation)
                continue;
            one.Session = other.Session = steps[i].Session;
            Assert.Equal(Show.Of(one.Run(operation)), Show.Of(other.Run(operation)));
            if (i % 23 != 0)
                continue;
            Assert.Equal(one.Checkpoint((ulong)i + 1), other.Checkpoint((ulong)i + 1));
            forgetting.Rollback();
        }
    }

    private void Tamper(ulong block)
    {
        byte[] content = new byte[Specification.BlockBytes];
        store.ReadBlock(file.Index, block, content);
        content[77] ^= 4;
        store.WriteBlock(file.Index, block, content.AsSpan(0, content.AsSpan().LastIndexOfAnyExcept((byte)0) + 1));
    }

    // Reads other blocks until those in question are not held in memory any more.
    private void ForgetCaches()
    {
        ObjectId other = fs.Must(new Create(Root, Name("other"), 0x1a4, false)).Object!.Value;
        for (ulong block = 0; block < 600; block++)
            fs.Write(other, block * Specification.BlockBytes, new byte[] { 1 });
    }
}
