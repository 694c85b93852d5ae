using System.Globalization;

namespace ZZFs.Cli.Nodes;

/// <summary>
/// Looks at a file that a process holds open and locked, without taking the lock: looking must never keep the owner-to-be
/// from getting it.
/// </summary>
internal static class HeldFile
{
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

    private static string? Target(string descriptor) => new FileInfo(descriptor).LinkTarget;

    private static FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}
