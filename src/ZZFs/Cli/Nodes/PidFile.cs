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
    private readonly HeldFile file;

    private PidFile(string path, HeldFile file)
    {
        this.path = path;
        this.file = file;
    }

    /// <summary>Makes this process the owner.</summary>
    /// <exception cref="ConfigurationException">Another process is, or the file can't be written.</exception>
    public static PidFile Acquire(string path)
    {
        try
        {
            HeldFile? file = HeldFile.TryHold(path, string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n"));
            return file is not null
                ? new PidFile(path, file)
                : throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"{path}: the node runs already as process {Owner(path)}"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{path}: {error.Message.TrimEnd('.')}", error);
        }
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
