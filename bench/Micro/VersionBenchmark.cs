using System.Diagnostics;
using System.Globalization;
using System.Text;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace Micro;

/// <summary>
/// How long a store's thread stands still for a version, and how long it then takes until it is on disk, by how much changed
/// since the last one and how much is held in all.
/// </summary>
internal sealed class VersionBenchmark(IBackingStore store)
{
    private const ulong BlocksPerMebibyte = (1 << 20) / Specification.BlockBytes;
    private const ulong FileMebibytes = 64;
    private const ulong BlocksPerFile = FileMebibytes * BlocksPerMebibyte;

    // As often as replicas take checkpoints when all of it is content, times some.
    private const ulong FillMebibytes = 32;
    private const int Rounds = 5;
    private const int Kept = 2;

    private readonly Random random = new(1);
    private readonly byte[] content = new byte[Specification.BlockBytes];
    private ulong held;
    private ulong number;

    /// <summary>Fills the store.</summary>
    public void Fill(ulong mebibytes)
    {
        random.NextBytes(content);
        var root = new ObjectRecord(0) { Generation = 1, Type = ObjectType.Directory, LinkCount = 2, Mode = 0x1ed };
        store.MakeObject(root);
        store.WriteObject(root);
        long start = Stopwatch.GetTimestamp();
        for (; held < mebibytes * BlocksPerMebibyte; held++)
        {
            uint file = (uint)(held / BlocksPerFile) + 1;
            if (held % BlocksPerFile == 0)
                Make(file);
            Write(held);
            if ((held + 1) % (FillMebibytes * BlocksPerMebibyte) == 0)
                Keep(out _, out _, out _);
        }

        Keep(out _, out _, out _);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{mebibytes} MiB written with a version every {FillMebibytes} MiB in {seconds:F1} s ({mebibytes / seconds:F0} MiB/s); {store.DiskBytes >> 20} MiB on disk"));
        Console.WriteLine($"{"changed",10}{"write s",10}{"commit ms",24}{"harden ms",24}{"drop ms",24}{"disk MiB",10}");
    }

    /// <summary>Changes random blocks, so much at a time, and prints medians and maxima.</summary>
    public void Change(ulong mebibytes)
    {
        var writes = new List<double>();
        var commits = new List<double>();
        var hardens = new List<double>();
        var drops = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (ulong i = 0; i < mebibytes * BlocksPerMebibyte; i++)
                Write((ulong)random.NextInt64((long)held));
            writes.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            Keep(out double commit, out double harden, out double drop);
            commits.Add(commit);
            hardens.Add(harden);
            drops.Add(drop);
        }

        writes.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{mebibytes + " MiB",10}{writes[Rounds / 2],10:F2}{Show(commits),24}{Show(hardens),24}{Show(drops),24}{store.DiskBytes >> 20,10}"));
    }

    private static string Show(List<double> milliseconds)
    {
        milliseconds.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{milliseconds[milliseconds.Count / 2]:F1} (≤ {milliseconds[^1]:F1})");
    }

    private void Make(uint file)
    {
        var record = new ObjectRecord(file)
        {
            Generation = 1,
            Type = ObjectType.File,
            LinkCount = 1,
            Mode = 0x1a4,
            SizeBytes = BlocksPerFile * Specification.BlockBytes,
        };
        store.MakeObject(record);
        store.WriteObject(record);
        store.AddEntry(0, Encoding.ASCII.GetBytes("file" + file.ToString(CultureInfo.InvariantCulture)), record.Id);
    }

    private void Write(ulong block)
    {
        // No two alike, for the sake of file systems that would notice.
        BitConverter.TryWriteBytes(content, random.NextInt64());
        content[^1] = 1;
        store.WriteBlock((uint)(block / BlocksPerFile) + 1, block % BlocksPerFile, content);
    }

    private void Keep(out double commit, out double harden, out double drop)
    {
        number++;
        long start = Stopwatch.GetTimestamp();
        store.Commit(number);
        commit = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        store.Harden(number);
        harden = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        foreach (ulong old in store.Versions.SkipLast(Kept))
            store.TryDrop(old);
        drop = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
