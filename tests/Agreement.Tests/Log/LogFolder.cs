namespace Agreement.Tests.Log;

/// <summary>A folder for a log that goes away with the test; in memory where there is room, since tests open it very often.</summary>
internal sealed class LogFolder : IDisposable
{
    public LogFolder()
    {
        string root = Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(root, "zzfs-test-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    /// <summary>The files of the log, oldest first.</summary>
    public string[] Files => [.. Directory.EnumerateFiles(Path).Order(StringComparer.Ordinal)];

    /// <summary>Makes the log consist of these files only.</summary>
    public void Become(params (string Path, byte[] Content)[] files)
    {
        foreach (string file in Files)
            File.Delete(file);
        foreach ((string path, byte[] content) in files)
            File.WriteAllBytes(path, content);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
