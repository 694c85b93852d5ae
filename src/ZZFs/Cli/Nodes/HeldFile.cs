using System.Globalization;

namespace ZZFs.Cli.Nodes;

/// <summary>
/// A small file that one process holds open and locked as long as it lives: it says who that is, and the kernel lets go of
/// it when the process dies. Looking at it takes no lock, so that looking never keeps an owner-to-be from getting it.
/// </summary>
/// <remarks>
/// The lock is a record lock (fcntl), since opening a file in .NET takes the other kind (flock) by itself. A record lock is
/// lost when its process opens and closes the file once more; owners therefore never look at their own.
/// </remarks>
internal sealed class HeldFile : IDisposable
{
    private readonly FileStream file;

    private HeldFile(FileStream file) => this.file = file;

    /// <summary>Takes the file and writes <paramref name="content"/>; null when another process holds it.</summary>
    /// <exception cref="IOException">It can't be opened or written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static HeldFile? TryHold(string path, string content)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        try
        {
            file.Lock(0, 1);
        }
        catch (IOException)
        {
            file.Dispose();
            return null;
        }

        file.SetLength(0);
        file.Write(System.Text.Encoding.UTF8.GetBytes(content));
        return new HeldFile(file);
    }

    /// <summary>The file's lines; none when it can't be read.</summary>
    public static string[] Lines(string path)
    {
        try
        {
            using FileStream file = Open(path);
            using var reader = new StreamReader(file);
            return reader.ReadToEnd().Split('\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Whether <paramref name="process"/>, another than this one, has the file open. False when we may not know.</summary>
    public static bool IsHeldBy(string path, int process)
    {
        if (process <= 1 || process == Environment.ProcessId)
            return false;
        try
        {
            using FileStream file = Open(path);
            string? canonical = Target(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{(int)file.SafeFileHandle.DangerousGetHandle()}"));
            return canonical is not null
                && Directory.EnumerateFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/fd")).Any(descriptor => Target(descriptor) == canonical);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static string? Target(string descriptor) => new FileInfo(descriptor).LinkTarget;

    private static FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}
