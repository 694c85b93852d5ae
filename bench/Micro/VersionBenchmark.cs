using System.Diagnostics;
using System.Globalization;
using System.Text;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace Micro;

/// <summary>
/// How long a store's thread stands still for a version, how long it then takes until it is on disk, and the slowest write and
/// read of that time, by how much changed since the last one and how much is held in all.
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

    // 100 MiB/s of writes, and as many reads.
    private const double MillisecondsPerBlock = 1000.0 / (100 * BlocksPerMebibyte);

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
                Keep();
        }

        Keep();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{mebibytes} MiB written with a version every {FillMebibytes} MiB in {seconds:F1} s ({mebibytes / seconds:F0} MiB/s); {store.DiskBytes >> 20} MiB on disk"));
        Console.WriteLine($"{"changed",10}{"write s",10}{"commit ms",24}{"worst write ms",24}{"worst read ms",24}{"harden ms",24}{"drop ms",24}{"disk MiB",10}{"waits",7}");
    }

    /// <summary>Changes random blocks, so much at a time, and prints medians and maxima.</summary>
    public void Change(ulong mebibytes)
    {
        var seconds = new List<double>();
        var measured = new Round();
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (ulong i = 0; i < mebibytes * BlocksPerMebibyte; i++)
                Write((ulong)random.NextInt64((long)held));
            seconds.Add(Since(start) / 1000);
            Measure(measured);
        }

        seconds.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{mebibytes + " MiB",10}{seconds[Rounds / 2],10:F2}{Show(measured.Commits),24}{Show(measured.Writes),24}{Show(measured.Reads),24}{Show(measured.Hardens),24}{Show(measured.Drops),24}{store.DiskBytes >> 20,10}{(store as DeferredStore)?.Waits ?? 0,7}"));
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

    private void Keep()
    {
        store.Commit(++number);
        store.Harden(number);
        foreach (ulong old in store.Versions.SkipLast(Kept))
            store.TryDrop(old);
    }

    // Execution goes on while the version is on its way to the disk, at the pace of a busy replica.
    private void Measure(Round round)
    {
        number++;
        long start = Stopwatch.GetTimestamp();
        store.Commit(number);
        round.Commits.Add(Since(start));
        start = Stopwatch.GetTimestamp();
        Task<double> hardened = Task.Run(() =>
        {
            store.Harden(number);
            return Since(start);
        });
        double worstWrite = 0;
        double worstRead = 0;
        while (!hardened.IsCompleted)
        {
            long begin = Stopwatch.GetTimestamp();
            Write((ulong)random.NextInt64((long)held));
            worstWrite = Math.Max(worstWrite, Since(begin));
            ulong block = (ulong)random.NextInt64((long)held);
            long middle = Stopwatch.GetTimestamp();
            store.ReadBlock((uint)(block / BlocksPerFile) + 1, block % BlocksPerFile, content);
            worstRead = Math.Max(worstRead, Since(middle));
            while (Since(begin) < MillisecondsPerBlock)
                Thread.SpinWait(20);
        }

        round.Hardens.Add(hardened.Result);
        round.Writes.Add(worstWrite);
        round.Reads.Add(worstRead);
        start = Stopwatch.GetTimestamp();
        foreach (ulong old in store.Versions.SkipLast(Kept))
            store.TryDrop(old);
        round.Drops.Add(Since(start));
    }

    private static double Since(long start) => Stopwatch.GetElapsedTime(start).TotalMilliseconds;

    private sealed class Round
    {
        public List<double> Commits { get; } = [];

        public List<double> Hardens { get; } = [];

        public List<double> Writes { get; } = [];

        public List<double> Reads { get; } = [];

        public List<double> Drops { get; } = [];
    }
}
