using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Stores;

public sealed class EmbeddedStoreTests : IDisposable
{
    private readonly TemporaryStore folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_checkpoint_is_there_after_reopening_with_number_annex_and_everything_else()
    {
        Digest digest;
        ObjectId file;
        ObjectId orphan;
        using (IFileService service = folder.Open())
        {
            var fs = new FileServiceDriver(service);
            file = fs.File(Root, "f");
            fs.Write(file, 40_000, new byte[] { 1, 2, 3 });
            fs.Must(new Link(file, Root, Name("second")));
            fs.Must(new SetXattr(file, Name("user.a"), Name("value"), 0));
            fs.Must(new SetLock(file, 1, 5, 9, LockKind.Write, 77, false));
            orphan = fs.File(Root, "o");
            fs.Must(new Unlink(Root, Name("o"), true));
            service.TakeCheckpoint(new SequenceNumber(3), "first annex"u8);
            fs.File(Root, "g");
            digest = service.TakeCheckpoint(new SequenceNumber(7), "annex"u8);
        }

        using IFileService reopened = folder.Open();
        Assert.Equal(new SequenceNumber(7), reopened.LastCheckpoint);
        Assert.Equal("annex"u8.ToArray(), reopened.LastCheckpointAnnex.ToArray());
        Assert.Equal(digest, reopened.TakeCheckpoint(new SequenceNumber(8), "annex"u8));
        var again = new FileServiceDriver(reopened);
        Assert.Equal([1, 2, 3], again.Read(file, 40_000, 100));
        Assert.Equal(["f", "g", "second"], again.List(Root));
        Assert.Equal(Name("value").ToArray(), again.Must(new GetXattr(file, Name("user.a"))).Data!.Value.ToArray());
        Assert.Equal(77u, again.Must(new TestLock(file, 2, 0, 100, LockKind.Read)).Conflict!.ProcessId);
        reopened.EndSession(new SessionId(1));
        again.Fails(Errno.ESTALE, new GetAttributes(orphan));
        Assert.Equal(new VolumeStatistics(VolumeLimits.Default.TotalBytes, Specification.BlockBytes + 96 + 11, VolumeLimits.Default.TotalObjects, 3), again.Must(new GetStatistics()).Statistics);
    }

    [Fact]
    public void What_came_after_the_checkpoint_is_gone_when_the_process_dies()
    {
        using var service = folder.Open();
        var fs = new FileServiceDriver(service);
        ObjectId file = fs.File(Root, "f");
        byte[] random = new byte[1 << 20];
        new Random(1).NextBytes(random);
        fs.Write(file, 0, random);
        Digest digest = fs.Checkpoint(1);

        // Overwrites and grows by more than one transaction of the database holds, so that some of it is committed there.
        fs.Must(new Unlink(Root, Name("f"), false));
        ObjectId large = fs.File(Root, "large");
        for (ulong i = 0; i < 16; i++)
            fs.Write(large, i << 20, random);

        // Death leaves the files as they are: a copy, taken under the open transaction, is what the next process finds.
        string dead = Path.Combine(folder.Folder, "dead");
        Directory.CreateDirectory(dead);
        foreach (string name in (string[])["store.db", "store.db-wal", "store.db-digests", "store.db-digests-wal"])
            File.Copy(Path.Combine(folder.Folder, name), Path.Combine(dead, name));
        using (var dirty = SqliteDatabase.Open(Path.Combine(dead, "store.db")))
            Assert.True(dirty.QueryNumber("SELECT count(*) FROM block WHERE birth > (SELECT max(epoch) FROM version)") > 200);
        using var revived = folder.Open(name: "dead/store.db");
        AssertIsCheckpoint(revived, file, random, digest);
    }

    [Fact]
    public void Disposing_and_rolling_back_lead_to_the_last_checkpoint()
    {
        byte[] random = new byte[200_000];
        new Random(2).NextBytes(random);
        ObjectId file;
        Digest digest;
        using (var service = folder.Open())
        {
            var fs = new FileServiceDriver(service);
            file = fs.File(Root, "f");
            fs.Write(file, 0, random);
            digest = fs.Checkpoint(1);
            Change(fs, file);
            service.Rollback();
            AssertIsCheckpoint(service, file, random, digest);
            Change(fs, file);
        }

        using var reopened = folder.Open();
        AssertIsCheckpoint(reopened, file, random, digest, 2);

        // And the state is whole: what is done again gives what it gave before.
        var once = new FileServiceDriver(reopened);
        Change(once, file);
        Digest changed = once.Checkpoint(2);
        Assert.NotEqual(digest, changed);
    }

    [Fact]
    public void A_new_volume_rolls_back_to_its_empty_root()
    {
        using var service = folder.Open();
        var fs = new FileServiceDriver(service);
        fs.File(Root, "f");
        service.Rollback();
        Assert.Empty(fs.List(Root));
        Assert.Equal(1UL, fs.File(Root, "g").Generation);
    }

    [Fact]
    public void Two_processes_cannot_use_one_store()
    {
        using var service = folder.Open();
        Assert.Contains("in use", Assert.Throws<StoreException>(() => folder.Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_no_store_are_refused_in_one_sentence()
    {
        File.WriteAllText(folder.FilePath, new string('x', 10_000));
        Assert.Contains("damaged", Assert.Throws<StoreDamagedException>(() => folder.Open()).Message, StringComparison.Ordinal);
        string other = Path.Combine(folder.Folder, "other.db");
        using (SqliteDatabase database = SqliteDatabase.Open(other))
            database.Execute("CREATE TABLE t (a)");
        Assert.Contains("another program", Assert.Throws<StoreException>(() => EmbeddedStore.Open(other)).Message, StringComparison.Ordinal);
        Assert.Throws<StoreException>(() => EmbeddedStore.Open(Path.Combine(folder.Folder, "no", "store.db")));
    }

    [Fact]
    public void Flipped_bytes_are_damage_or_go_unnoticed_and_never_anything_else()
    {
        ObjectId file = MakeSample();
        byte[] sound = File.ReadAllBytes(folder.FilePath);
        var random = new Random(4);
        int damaged = 0;
        for (int round = 0; round < 150; round++)
        {
            byte[] rotten = [.. sound];
            for (int flips = random.Next(1, 40); flips > 0; flips--)
                rotten[random.Next(rotten.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(folder.FilePath, rotten);
            damaged += IsFoundDamaged(file) ? 1 : 0;
        }

        Assert.InRange(damaged, 10, 150);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void Rotten_rows_are_damage_or_go_unnoticed_and_never_anything_else(int seed)
    {
        // The database is sound here, and what it holds is not: lengths, numbers and keys that the wrapper relies on.
        ObjectId file = MakeSample();
        byte[] sound = File.ReadAllBytes(folder.FilePath);
        var random = new Random(seed);
        int damaged = 0;
        for (int round = 0; round < 150; round++)
        {
            File.WriteAllBytes(folder.FilePath, sound);
            using (SqliteDatabase database = SqliteDatabase.Open(folder.FilePath))
            {
                string[] columns = ["object.value", "metadata.value", "metadata.key", "entry.key", "entry.value", "block.value", "content.bytes"];
                string[] column = columns[random.Next(columns.Length)].Split('.');
                byte[] junk = new byte[random.Next(1, 9)];
                random.NextBytes(junk);

                // Some of the rows, chosen by one of their digits so that a failing round can be run again.
                string chosen = $"substr(hex({column[1]}), -{random.Next(1, 9)}, 1) = '{random.Next(16):X}'";
                database.Execute(
                    $"""
                    UPDATE OR IGNORE {column[0]} SET {column[1]} = CAST(
                        substr({column[1]}, 1, {random.Next(12)}) || X'{Convert.ToHexString(junk)}' || substr({column[1]}, {random.Next(1, 30)}) AS BLOB)
                    WHERE {chosen}
                    """);
                if (random.Next(4) == 0)
                    database.Execute($"DELETE FROM {column[0]} WHERE {chosen}");
            }

            damaged += IsFoundDamaged(file) ? 1 : 0;
        }

        Assert.InRange(damaged, 3, 150);
    }

    private ObjectId MakeSample()
    {
        using var service = folder.Open();
        var fs = new FileServiceDriver(service);
        ObjectId file = fs.File(Root, "f");
        byte[] random = new byte[100_000];
        new Random(3).NextBytes(random);
        fs.Write(file, 0, random);
        ObjectId directory = fs.Directory(Root, "d");
        for (int i = 0; i < 300; i++)
            fs.Must(new Create(directory, Name("name" + i), 0, true));
        fs.Must(new SetXattr(file, Name("user.a"), random.AsMemory(0, 3000), 0));
        fs.Must(new SetLock(file, 1, 0, 1, LockKind.Read, 1, false));
        fs.Must(new Unlink(directory, Name("name7"), true));
        fs.Checkpoint(1);
        return file;
    }

    private bool IsFoundDamaged(ObjectId file)
    {
        try
        {
            using var service = folder.Open();
            Exercise(new FileServiceDriver(service), file);
            return false;
        }
        catch (StoreException failure)
        {
            Assert.DoesNotContain('\n', failure.Message);
            return failure is StoreDamagedException;
        }
    }

    private static void Exercise(FileServiceDriver fs, ObjectId file)
    {
        fs.Run(new Read(file, 0, 100_000, true));
        fs.Run(new Write(file, 50, new byte[40_000], false, true));
        fs.Run(new GetXattr(file, Name("user.a")));
        fs.Run(new ListXattrs(file));
        fs.Run(new Seek(file, 0, true));
        OperationResult directory = fs.Run(new Lookup(Root, Name("d")));
        if (directory.Object is { } found)
        {
            OperationResult listed = fs.Run(new ReadDirectory(found, default, 1000, 1 << 20));
            foreach (DirectoryEntry entry in listed.Entries ?? [])
                fs.Run(new Unlink(found, entry.Name, false));
            fs.Run(new RemoveDirectory(Root, Name("d")));
        }

        fs.Run(new Create(Root, Name("new"), 0, true));
        fs.Run(new Unlink(Root, Name("f"), false));
        fs.Service.EndSession(new SessionId(1));
        fs.Checkpoint(2);
    }

    private static void Change(FileServiceDriver fs, ObjectId file)
    {
        fs.Write(file, 100, "changed"u8.ToArray());
        fs.Must(new Rename(Root, Name("f"), Root, Name("g"), RenameMode.Replace, false));
        fs.Directory(Root, "d");
        fs.Must(new SetLock(file, 1, 0, 1, LockKind.Write, 1, false));
        fs.Must(new SetXattr(file, Name("user.a"), Name("x"), 0));
        fs.Must(new Unlink(Root, Name("g"), true));
    }

    // Takes a checkpoint of the same state, the next one.
    private static void AssertIsCheckpoint(IFileService service, ObjectId file, byte[] content, Digest digest, ulong number = 1)
    {
        var fs = new FileServiceDriver(service);
        Assert.Equal(new SequenceNumber(number), service.LastCheckpoint);
        Assert.Equal(digest, service.LastCheckpointDigest);
        Assert.Equal(["f"], fs.List(Root));
        Assert.Equal(content, fs.Read(file, 0, (uint)content.Length));
        Assert.Empty(fs.Must(new ListXattrs(file)).Data!.Value.ToArray());
        Assert.Null(fs.Must(new TestLock(file, 9, 0, 9, LockKind.Write)).Conflict);
        Assert.Equal(digest, fs.Checkpoint(number + 1));
    }
}
