using System.Globalization;
using Agreement.Configuration;
using Micro;
using ZZFs.Digests;
using ZZFs.Stores;

// micro postmark [STORE [FILES [TRANSACTIONS [MIB]]]]: microseconds for each operation of the wrapper on a store, under
//   PostMark's mix, then with one large file.
// micro versions [STORE [HELD-MIB [CHANGED-MIB…]]]: how long a version takes.
// micro direct-versions …: the same of a tree store alone, whose snapshots the calling thread waits for.
// micro plain-postmark DIRECTORY [FILES [TRANSACTIONS [OPERATIONS-PER-SYNC]]]: PostMark's mix on plain files; without the last
//   number, nothing is synced.
// A store is written as for zzfs init: embedded, btrfs:PATH or zfs:DATASET; what is made in the latter two is called micro-…
// and stays. An embedded one lies in $TMPDIR and goes.
string what = args.ElementAtOrDefault(0) ?? "postmark";
string written = args.ElementAtOrDefault(1) ?? "embedded";
ulong[] sizes = [.. args.Skip(2).Select(size => ulong.Parse(size, CultureInfo.InvariantCulture))];
if (what == "plain-postmark")
{
    new PlainBenchmark(written, (long)Size(2, long.MaxValue)).PostMark((int)Size(0, 20_000), (int)Size(1, 50_000));
    return 0;
}

if (what is not ("postmark" or "versions" or "direct-versions") || !StoreChoice.TryParse(written, out StoreChoice? choice))
{
    Console.Error.WriteLine($"usage: micro postmark|versions|direct-versions|plain-postmark [STORE [NUMBERS]], a store being {StoreChoice.Forms}");
    return 2;
}

DirectoryInfo folder = Directory.CreateTempSubdirectory("zzfs-micro-");
try
{
    string replica = "micro-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
    using IBackingStore store = ReplicaStore.Open(choice, replica, folder.FullName, isDeferred: what != "direct-versions");
    if (what == "postmark")
    {
        using var benchmark = new StoreBenchmark(store, SqliteDigestStore.Open(Path.Combine(folder.FullName, "digests.db")));
        benchmark.PostMark((int)Size(0, 20_000), (int)Size(1, 50_000));
        benchmark.LargeFile((int)Size(2, 1024));
    }
    else
    {
        var benchmark = new VersionBenchmark(store);
        benchmark.Fill(Size(0, 10_240));
        foreach (ulong changed in sizes.Length > 1 ? sizes[1..] : [1, 100, 1024])
            benchmark.Change(changed);
    }
}
finally
{
    folder.Delete(recursive: true);
}

return 0;

ulong Size(int index, ulong otherwise) => sizes.ElementAtOrDefault(index) is > 0 and var size ? size : otherwise;
