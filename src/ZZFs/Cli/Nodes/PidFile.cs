using System.Globalization;
using Agreement.Configuration;

namespace ZZFs.Cli.Nodes;

/// <summary>
/// The file that says which process a node is: its id in decimal. The node holds it open and locked as long as it lives, so
/// two can't run at once, and a file that a killed node left names nobody.
/// </summary>
public sealed class PidFile : IDisposable
{
    private readonly string path;
    private readonly FileStream file;

    private PidFile(string path, FileStream file)
    {
        this.path = path;
        this.file = file;
    }

    /// <summary>Makes this process the owner.</summary>
    /// <exception cref="ConfigurationException">Another process is, or the file can't be written.</exception>
    public static PidFile Acquire(string path)
    {
        FileStream file;
        try
        {
            // On Linux, FileShare.None is an advisory lock (flock) that the kernel releases when the process dies.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new ConfigurationException(
                Owner(path) is { } owner ? string.Create(CultureInfo.InvariantCulture, $"{path}: runs already as process {owner}") : $"{path}: {error.Message}",
                error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new ConfigurationException($"{path}: may not be written", error);
        }

        file.SetLength(0);
        file.Write(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n")));
        file.Flush();
        return new PidFile(path, file);
    }

    /// <summary>The process that the file names, if that process holds the file: a number alone may have gone to somebody else.</summary>
    public static int? Owner(string path) =>
        int.TryParse(HeldFile.Lines(path).FirstOrDefault(), CultureInfo.InvariantCulture, out int process) && HeldFile.IsHeldBy(path, process)
            ? process
            : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Removed while it is still locked, or a new node's file could be removed.
        File.Delete(path);
        file.Dispose();
    }
}
