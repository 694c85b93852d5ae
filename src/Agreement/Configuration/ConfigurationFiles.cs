using System.Text;

namespace Agreement.Configuration;

/// <summary>Reads and writes the small files of a cluster directory.</summary>
internal static class ConfigurationFiles
{
    /// <summary>Mode of a file with secrets.</summary>
    public const UnixFileMode Secret = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Mode of a file without.</summary>
    public const UnixFileMode Public = Secret | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private const long MaximumBytes = 16 << 20;

    /// <summary>All bytes of a configuration file.</summary>
    /// <exception cref="ConfigurationException">It can't be read or is absurdly long.</exception>
    public static byte[] ReadAll(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaximumBytes)
                throw new ConfigurationException($"{path}: longer than any configuration file");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{path}: {Reason(error)}", error);
        }
    }

    /// <summary>Makes a new file; it never exists with a wider mode than <paramref name="mode"/>.</summary>
    /// <exception cref="ConfigurationException">It is there already or can't be written.</exception>
    public static void Create(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        try
        {
            using var file = new FileStream(
                path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode });
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{path}: {Reason(error)}", error);
        }
    }

    /// <summary>As the other, for text.</summary>
    public static void Create(string path, string content, UnixFileMode mode) => Create(path, Encoding.UTF8.GetBytes(content), mode);

    /// <summary>A cause as the end of a sentence.</summary>
    public static string Reason(Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "no such file",
        UnauthorizedAccessException => "may not be accessed",
        IOException => "can't be read or written (" + error.Message.TrimEnd('.') + ")",
        _ => error.Message.TrimEnd('.'),
    };
}
