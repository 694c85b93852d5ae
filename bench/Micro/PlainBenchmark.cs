using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Micro;

/// <summary>The operations of <see cref="StoreBenchmark"/> as plain calls on files of a directory, which is made and removed.</summary>
internal sealed partial class PlainBenchmark(string place, long operationsPerSync)
{
    private const int Directories = 10;

    private readonly Random random = new(1);
    private readonly string folder = Path.Combine(place, "micro-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
    private readonly List<(string Path, int Size)> files = [];
    private readonly byte[] data = new byte[1 << 20];
    private readonly byte[] buffer = new byte[4096];
    private long operations;

    /// <summary>As <see cref="StoreBenchmark.PostMark"/>.</summary>
    public void PostMark(int initialFiles, int transactions)
    {
        random.NextBytes(data);
        for (int i = 0; i < Directories; i++)
            Directory.CreateDirectory(Path.Combine(folder, "d" + i.ToString(CultureInfo.InvariantCulture)));
        try
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

            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"PostMark on plain files, {initialFiles} files, {transactions} transactions: {seconds:F2} s, {operations / seconds:F0} operations/s"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void CreateFile(int number)
    {
        string path = Path.Combine(folder, "d" + random.Next(Directories), "file" + number.ToString(CultureInfo.InvariantCulture));
        Exists(path);
        using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        Count();
        int size = random.Next(500, 10_000);
        for (int offset = 0; offset < size; offset += 4096)
        {
            RandomAccess.Write(file, data.AsSpan(offset, Math.Min(4096, size - offset)), offset);
            Count();
        }

        files.Add((path, size));
    }

    private void DeleteFile()
    {
        int index = random.Next(files.Count);
        string path = files[index].Path;
        files[index] = files[^1];
        files.RemoveAt(files.Count - 1);
        Exists(path);
        File.Delete(path);
        Count();
    }

    private void ReadFile()
    {
        (string path, int size) = files[random.Next(files.Count)];
        Exists(path);
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Count();
        for (int offset = 0; offset < size; offset += 4096)
        {
            RandomAccess.Read(file, buffer, offset);
            Count();
        }
    }

    private void AppendFile()
    {
        int index = random.Next(files.Count);
        (string path, int size) = files[index];
        int count = random.Next(1, 4096);
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(file, data.AsSpan(0, count), size);
        files[index] = (path, size + count);
        Count();
    }

    private void Exists(string path)
    {
        _ = File.Exists(path);
        Count();
    }

    private void Count()
    {
        if (++operations % operationsPerSync != 0)
            return;
        using SafeFileHandle directory = File.OpenHandle(files[^1].Path);
        if (SynchronizeFileSystem(directory) != 0)
            throw new IOException("a sync failed");
    }

    [LibraryImport("libc", EntryPoint = "syncfs")]
    private static partial int SynchronizeFileSystem(SafeFileHandle file);
}
