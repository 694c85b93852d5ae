using System.Diagnostics;
using System.Globalization;
using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;

namespace Micro;

/// <summary>PostMark's mix of operations on a store, codec included, with a checkpoint every so many operations.</summary>
internal sealed class StoreBenchmark : IDisposable
{
    private const int Directories = 10;
    private const int OperationsPerCheckpoint = 1024;

    private readonly Recorder recorder = new();
    private readonly Random random = new(1);
    private readonly MessageWriter request = new();
    private readonly MessageWriter reply = new();
    private readonly IBackingStore store;
    private readonly IFileService service;
    private readonly List<(ObjectId Directory, string Name, ObjectId File, int Size)> files = [];
    private readonly List<ObjectId> directories = [];
    private readonly byte[] data = new byte[Limits.MaximumTransferBytes];
    private long now = 1;
    private ulong checkpoint;

    /// <summary>Takes over a new store.</summary>
    public StoreBenchmark(IBackingStore store, IDigestStore digests)
    {
        this.store = store;
        service = new ConformanceWrapper(store, digests, VolumeLimits.Default);
        random.NextBytes(data);
        for (int i = 0; i < Directories; i++)
            directories.Add(Run("mkdir", new MakeDirectory(ObjectId.Root, Name("d" + i), 0x1ed)).Object!.Value);
    }

    public void Dispose() => service.Dispose();

    /// <summary>Makes files, then runs transactions as PostMark does: create or delete, then read or append.</summary>
    public void PostMark(int initialFiles, int transactions)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < initialFiles; i++)
            CreateFile(i);
        for (int i = 0; i < transactions; i++)
        {
            if (random.Next(2) == 0)
                CreateFile(initialFiles + i);
            else
                DeleteFile();
            if (random.Next(2) == 0)
                ReadFile();
            else
                AppendFile();
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"PostMark, {initialFiles} files, {transactions} transactions: {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s, {now / Stopwatch.GetElapsedTime(start).TotalSeconds:F0} operations/s"));
        recorder.Print();
        PrintMemory();
    }

    /// <summary>Writes one large file with full transfers, and reads it again.</summary>
    public void LargeFile(int mebibytes)
    {
        ObjectId file = Run("create", new Create(ObjectId.Root, Name("large"), 0x1a4, true)).Object!.Value;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < mebibytes; i++)
            Run("write 1 MiB", new Write(file, (ulong)i << 20, data, false, true));
        Checkpoint();
        double written = Stopwatch.GetElapsedTime(start).TotalSeconds;
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < mebibytes; i++)
            Run("read 1 MiB", new Read(file, (ulong)i << 20, Limits.MaximumTransferBytes, true));
        double read = Stopwatch.GetElapsedTime(start).TotalSeconds;
        start = Stopwatch.GetTimestamp();
        Run("unlink", new Unlink(ObjectId.Root, Name("large"), false));
        double removed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{mebibytes} MiB: written and checkpointed in {written:F2} s, read in {read:F2} s, removed in {removed:F2} s"));
        PrintMemory();
    }

    private void CreateFile(int number)
    {
        ObjectId directory = directories[random.Next(Directories)];
        string name = "file" + number.ToString(CultureInfo.InvariantCulture);
        Run("lookup (absent)", new Lookup(directory, Name(name)));
        ObjectId file = Run("create", new Create(directory, Name(name), 0x1a4, true)).Object!.Value;
        int size = random.Next(500, 10_000);
        for (int offset = 0; offset < size; offset += 4096)
            Run("write ≤ 4 KiB", new Write(file, (ulong)offset, data.AsMemory(offset, Math.Min(4096, size - offset)), false, true));
        files.Add((directory, name, file, size));
    }

    private void DeleteFile()
    {
        int index = random.Next(files.Count);
        (ObjectId directory, string name, _, _) = files[index];
        files[index] = files[^1];
        files.RemoveAt(files.Count - 1);
        Run("lookup", new Lookup(directory, Name(name)));
        Run("unlink", new Unlink(directory, Name(name), false));
    }

    private void ReadFile()
    {
        (ObjectId directory, string name, ObjectId file, int size) = files[random.Next(files.Count)];
        Run("lookup", new Lookup(directory, Name(name)));
        Run("getattr", new GetAttributes(file));
        for (int offset = 0; offset < size; offset += 4096)
            Run("read ≤ 4 KiB", new Read(file, (ulong)offset, 4096, true));
    }

    private void AppendFile()
    {
        int index = random.Next(files.Count);
        (ObjectId directory, string name, ObjectId file, int size) = files[index];
        int count = random.Next(1, 4096);
        Run("append ≤ 4 KiB", new Write(file, 0, data.AsMemory(0, count), true, true));
        files[index] = (directory, name, file, size + count);
    }

    private OperationResult Run(string kind, Operation operation)
    {
        OperationResult result = recorder.Time(kind, () => Execute(operation));
        if (result.Error is not Errno.None and not Errno.ENOENT)
            throw new InvalidOperationException($"{kind} gave {result.Error}");
        if (++now % OperationsPerCheckpoint == 0)
            Checkpoint();
        return result;
    }

    private OperationResult Execute(Operation operation)
    {
        request.Clear();
        OperationCodec.Encode(Credentials.Superuser, operation, request);
        reply.Clear();
        service.Execute(
            new OperationContext(new Timestamp(now), new SessionId(1), default, ExportEntry.Full), request.ToArray(), reply);
        return OperationCodec.TryDecodeResult(reply.ToArray(), out OperationResult result)
            ? result
            : throw new InvalidOperationException("a result can't be decoded");
    }

    // What execution waits for, and what a replica does beside it.
    private void Checkpoint()
    {
        var number = new SequenceNumber(++checkpoint);
        recorder.Time("checkpoint, begun", () =>
        {
            service.BeginCheckpoint(number, default, []);
            return true;
        });
        ICheckpointWork work = recorder.Time("checkpoint, taken up", service.PrepareCheckpoint);

        // The work begins with that, so that what is left of it are the digests.
        recorder.Time("checkpoint, hardened", () =>
        {
            store.Harden(checkpoint);
            return true;
        });
        recorder.Time("checkpoint, digests", () =>
        {
            work.Run();
            return true;
        });
        service.FinishCheckpoint(work);
        service.CheckpointIsStable(number);
        recorder.Time("checkpoint, dropped", service.DropOldCheckpoint);
    }

    private static void PrintMemory()
    {
        string? resident = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("VmRSS", StringComparison.Ordinal));
        string? peak = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("VmHWM", StringComparison.Ordinal));
        Console.WriteLine($"{resident}  {peak}");
    }

    private static ReadOnlyMemory<byte> Name(string name) => Encoding.UTF8.GetBytes(name);
}
