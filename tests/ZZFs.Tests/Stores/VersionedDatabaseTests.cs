using System.Globalization;
using System.Text;
using CsCheck;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>The versions of a database must be what a plain model of them is, whatever happens in which order.</summary>
public sealed class VersionedDatabaseTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("zzfs-versions-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Versions_are_what_a_model_says()
    {
        int count = 0;
        Gen.Select(Gen.Int[0, 99], Gen.Int[0, 11], Gen.Int[0, 11]).Array[20, 150].Sample(
            steps =>
            {
                string path = Path.Combine(folder, Interlocked.Increment(ref count).ToString(CultureInfo.InvariantCulture));
                using var trial = new Trial(path);
                foreach ((int kind, int first, int second) in steps)
                    trial.Step(kind, first, second);
                trial.Finish();
            },
            iter: 150,
            threads: 1);
    }

    [Fact]
    public void A_dropped_version_leaves_nothing_and_its_pages_are_used_again()
    {
        string path = Path.Combine(folder, "constant");
        using var database = Trial.Open(path);
        byte[] value = new byte[3000];
        long early = 0;
        for (ulong version = 1; version <= 200; version++)
        {
            // Live data stays the same in size; names change, as those of temporary files do.
            for (int i = 0; i < 50; i++)
            {
                database.Rows(0).Write(Encoding.ASCII.GetBytes($"hot{i}"), value);
                database.Rows(0).Remove(Encoding.ASCII.GetBytes($"temporary{version - 1}-{i}"));
                database.Rows(0).Write(Encoding.ASCII.GetBytes($"temporary{version}-{i}"), value);
            }

            database.Commit(version);
            database.Harden();

            // The third stays, as one that somebody keeps.
            if (version > 5)
                Assert.True(database.TryDrop(version - 2));
            if (version == 20)
                early = Pages(path);
        }

        Assert.InRange(Pages(path), 1, early + (early / 4));
        Assert.Equal([1, 2, 3, 199, 200], database.Versions);
    }

    [Fact]
    public void The_log_grows_with_a_burst_and_is_short_again_soon_after()
    {
        string path = Path.Combine(folder, "log");
        using var database = Trial.Open(path);
        byte[] value = new byte[1 << 20];
        new Random(5).NextBytes(value);
        for (int i = 0; i < 200; i++)
            database.Rows(0).Write(Encoding.ASCII.GetBytes($"{i}"), value);
        var log = new FileInfo(path + "-wal");
        Assert.True(log.Length > LogKeeper.LongLogBytes);
        ulong version = 0;
        long start = Environment.TickCount64;
        for (; log.Length > LogKeeper.LongLogBytes; log.Refresh())
        {
            Assert.InRange(Environment.TickCount64 - start, 0, 60_000);
            database.Rows(0).Write("small"u8, BitConverter.GetBytes(version));
            database.Commit(++version);
            database.Harden();
        }

        Assert.Equal(value, database.Rows(0).Live.Read("199"u8));
    }

    [Fact]
    public async Task A_version_that_is_read_is_not_dropped_and_reads_the_same_from_another_thread_under_changes()
    {
        using var database = Trial.Open(Path.Combine(folder, "threads"));
        for (int i = 0; i < 500; i++)
            database.Rows(0).Write(Encoding.ASCII.GetBytes($"{i:d4}"), Encoding.ASCII.GetBytes($"first {i}"));
        database.Commit(10);
        VersionedDatabaseView view = database.OpenVersion(10);
        Assert.False(database.TryDrop(10));
        int rounds = 0;
        bool stop = false;
        var reader = Task.Run(() =>
        {
            while (!Volatile.Read(ref stop) || rounds == 0)
            {
                int seen = 0;
                view.Rows(0).List("0"u8, "9"u8, (key, value) =>
                {
                    Assert.Equal($"{seen:d4}", Encoding.ASCII.GetString(key));
                    Assert.Equal($"first {seen++}", Encoding.ASCII.GetString(value));
                    return true;
                });
                Assert.Equal(500, seen);
                Assert.Equal("first 77", Encoding.ASCII.GetString(view.Rows(0).Read("0077"u8)!));
                Assert.Null(view.Rows(0).Read("0500"u8));
                rounds++;
            }
        });
        var random = new Random(1);
        for (ulong version = 11; version < 60 || Volatile.Read(ref rounds) < 3; version++)
        {
            for (int i = 0; i < 200; i++)
            {
                byte[] key = Encoding.ASCII.GetBytes($"{random.Next(600):d4}");
                if (random.Next(3) == 0)
                    database.Rows(0).Remove(key);
                else
                    database.Rows(0).Write(key, "later"u8);
            }

            database.Commit(version);
            if (version % 10 == 0)
                database.Rollback(12);
            else if (version > 13 && version % 10 != 1)
                Assert.True(database.TryDrop(version - 1));
            Assert.False(reader.IsFaulted, reader.Exception?.ToString());
        }

        Volatile.Write(ref stop, true);
        await reader;
        view.Dispose();
        Assert.True(database.TryDrop(10));
    }

    [Fact]
    public void What_a_rollback_undid_of_the_removal_of_a_version_is_done_again()
    {
        string path = Path.Combine(folder, "undone");
        using var database = Trial.Open(path);
        database.Rows(0).Write("k"u8, "1"u8);
        database.Commit(1);
        database.Rows(0).Write("k"u8, "2"u8);
        database.Commit(2);
        Assert.True(database.TryDrop(1));
        Change();
        database.Rollback(2);
        Change();
        database.Commit(3);
        using SqliteDatabase reader = SqliteDatabase.OpenToRead(path);
        Assert.Equal(2, reader.QueryNumber("SELECT count(*) FROM version"));
        Assert.Equal(0, reader.QueryNumber("SELECT count(*) FROM plain_old WHERE key = CAST('k' AS BLOB)"));

        // Enough for all of it to be removed, and too little for a transaction to end.
        void Change()
        {
            for (int i = 0; i < 200; i++)
                database.Rows(0).Write("filler"u8, "x"u8);
        }
    }

    private static long Pages(string path)
    {
        using SqliteDatabase reader = SqliteDatabase.OpenToRead(path);
        return reader.QueryNumber("PRAGMA page_count");
    }

    /// <summary>A database with a model beside it.</summary>
    private sealed class Trial(string path) : IDisposable
    {
        private const int Keys = 12;

        private readonly SortedDictionary<ulong, Model> versions = [];
        private readonly List<(ulong Number, VersionedDatabaseView View)> views = [];
        private VersionedDatabase database = null!;
        private Model live = new();
        private int written;
        private ulong number;

        // Values of the second table have a row in one of the test's own, which is to go with them.
        public static VersionedDatabase Open(string path) => VersionedDatabase.Open(
            path,
            7,
            1 << 20,
            "CREATE TABLE own (value TEXT PRIMARY KEY) WITHOUT ROWID",
            new VersionedTable("plain"),
            new VersionedTable("standing", database =>
            {
                SqliteStatement remove = database.Prepare("DELETE FROM own WHERE value = CAST(?1 AS TEXT)");
                return value =>
                {
                    remove.Bind(1, value).Run();
                    Assert.Equal(1, database.Changes);
                };
            }));

        public void Step(int kind, int first, int second)
        {
            database ??= Open(path);
            int table = second % 2;
            VersionedRows rows = database.Rows(table);
            switch (kind)
            {
                case < 40:
                    string value = $"value {++written}";
                    if (table == 1)
                        database.Execute($"INSERT INTO own VALUES ('{value}')");
                    else if (kind < 2)
                        value += new string('x', 1_200_000);
                    rows.Write(Key(first), Encoding.ASCII.GetBytes(value));
                    live.Tables[table][Key(first)] = value;
                    break;
                case < 52:
                    rows.Remove(Key(first));
                    live.Tables[table].Remove(Key(first));
                    break;
                case < 58:
                    List<byte[]> gone = [.. live.Tables[table].Keys.Where(key => Between(key, Key(first), Key(second)))];
                    Assert.Equal(gone.Count, rows.Remove(Key(first), Key(second)));
                    gone.ForEach(key => live.Tables[table].Remove(key));
                    break;
                case < 72:
                    number += 1 + (ulong)first;
                    database.Commit(number);
                    versions.Add(number, live.Copy());
                    break;
                case < 82 when versions.Count > 0:
                    ulong dropped = Version(first);
                    Assert.Equal(!views.Exists(view => view.Number == dropped), database.TryDrop(dropped));
                    if (!views.Exists(view => view.Number == dropped))
                        versions.Remove(dropped);
                    break;
                case < 86:
                    ulong target = first == 0 || versions.Count == 0 ? 0 : Version(second);
                    Close(view => view.Number > target);
                    database.Rollback(target);
                    RollBack(target);
                    break;
                case < 89:
                    Close(_ => true);
                    database.Dispose();
                    database = Open(path);
                    RollBack(versions.Count == 0 ? 0 : versions.Keys.Last());
                    break;
                case < 94 when versions.Count > 0:
                    views.Add((Version(first), database.OpenVersion(Version(first))));
                    break;
                case < 97:
                    database.Harden();
                    break;
                default:
                    Check();
                    break;
            }
        }

        public void Finish()
        {
            database ??= Open(path);
            Check();
            Close(_ => true);

            // When all old versions are gone and enough changes have passed, nothing of them is left.
            foreach (ulong old in versions.Keys)
                Assert.True(database.TryDrop(old));
            versions.Clear();
            for (int i = 0; i < 2000; i++)
                database.Rows(0).Write("filler"u8, "x"u8);
            database.Rows(0).Remove("filler"u8);
            database.Commit(number + 1);
            versions.Add(number + 1, live);
            Check();
            Assert.Equal(live.Tables[1].Values.Order(StringComparer.Ordinal), Standing().Order(StringComparer.Ordinal));
            using SqliteDatabase reader = SqliteDatabase.OpenToRead(path);
            Assert.Equal(0, reader.QueryNumber("SELECT count(*) FROM plain_old") + reader.QueryNumber("SELECT count(*) FROM standing_old"));
            Assert.Equal(1, reader.QueryNumber("SELECT count(*) FROM version"));
        }

        public void Dispose()
        {
            Close(_ => true);
            database?.Dispose();
        }

        private static byte[] Key(int number) => Encoding.ASCII.GetBytes($"key {number:x}");

        private static bool Between(byte[] key, byte[] from, byte[] to) =>
            key.AsSpan().SequenceCompareTo(from) >= 0 && key.AsSpan().SequenceCompareTo(to) < 0;

        private ulong Version(int which) => versions.Keys.ElementAt(which % versions.Count);

        private void RollBack(ulong target)
        {
            live = target == 0 ? new Model() : versions[target].Copy();
            foreach (ulong later in versions.Keys.Where(version => version > target).ToArray())
                versions.Remove(later);
            number = target;
        }

        private void Close(Predicate<(ulong Number, VersionedDatabaseView View)> which)
        {
            foreach ((ulong number, VersionedDatabaseView view) in views.FindAll(which))
                view.Dispose();
            views.RemoveAll(which);
        }

        private void Check()
        {
            Assert.Equal(versions.Keys.ToArray(), database.Versions.ToArray());
            for (int table = 0; table < 2; table++)
            {
                Compare(live.Tables[table], database.Rows(table).Live);
                foreach ((ulong version, Model model) in versions)
                {
                    using VersionedDatabaseView view = database.OpenVersion(version);
                    Compare(model.Tables[table], view.Rows(table));
                }

                foreach ((ulong version, VersionedDatabaseView view) in views)
                    Compare(versions[version].Tables[table], view.Rows(table));
            }

            foreach ((ulong version, Model model) in versions)
            {
                Assert.True(Standing().IsSupersetOf(model.Tables[1].Values), $"something of version {version} is gone");
            }
        }

        // What is in the test's own table, as far as it is committed.
        private SortedSet<string> Standing()
        {
            using SqliteDatabase reader = SqliteDatabase.OpenToRead(path);
            using SqliteStatement all = reader.Prepare("SELECT value FROM own");
            var values = new SortedSet<string>();
            while (all.Step())
                values.Add(Encoding.ASCII.GetString(all.Bytes(0)));
            return values;
        }

        private static void Compare(SortedDictionary<byte[], string> expected, RowReader actual)
        {
            var found = new List<string>();
            actual.List("key"u8, "kez"u8, (key, value) =>
            {
                found.Add(Encoding.ASCII.GetString(key) + "=" + Encoding.ASCII.GetString(value));
                return true;
            });
            Assert.Equal(expected.Select(row => Encoding.ASCII.GetString(row.Key) + "=" + row.Value), found);
            for (int i = 0; i < Keys; i++)
            {
                Assert.Equal(expected.GetValueOrDefault(Key(i)), actual.Read(Key(i)) is { } value ? Encoding.ASCII.GetString(value) : null);
                Assert.Equal(expected.Keys.FirstOrDefault(key => !Between(key, "a"u8.ToArray(), Key(i))), actual.FirstKey(Key(i), "kez"u8));
                Assert.Equal(expected.Keys.LastOrDefault(key => Between(key, "a"u8.ToArray(), [.. Key(i), 0])), actual.LastKey("a"u8, Key(i)));
            }
        }
    }

    private sealed class Model
    {
        public SortedDictionary<byte[], string>[] Tables { get; init; } = [new(ByteOrder.Instance), new(ByteOrder.Instance)];

        public Model Copy() => new() { Tables = [.. Tables.Select(table => new SortedDictionary<byte[], string>(table, ByteOrder.Instance))] };
    }
}
