namespace ZZFs.Bench;

/// <summary>A directory of the benchmark's own under the one that the user names; gone when disposed, unless it is to be kept.</summary>
public sealed class WorkingDirectory : IDisposable
{
    private readonly bool _keep;

    private WorkingDirectory(string path, bool keep)
    {
        FullPath = path;
        _keep = keep;
    }

    /// <summary>Its absolute path.</summary>
    public string FullPath { get; }

    /// <summary>Makes one whose name is taken by nobody else.</summary>
    /// <param name="parent">An existing directory.</param>
    /// <param name="benchmark">First part of the name.</param>
    /// <param name="keep">Whether disposing leaves it in place.</param>
    /// <param name="files">Through which it is made.</param>
    /// <exception cref="BenchException">The parent is no directory, or nothing may be written there.</exception>
    public static WorkingDirectory Make(string parent, string benchmark, bool keep, IBenchFileSystem files)
    {
        parent = Path.GetFullPath(parent);
        if (!Directory.Exists(parent))
        {
            throw new BenchException($"{parent} is not a directory; name an existing one with --at.");
        }

        for (var attempt = 0; ; attempt++)
        {
            var path = Path.Combine(parent, $"{benchmark}-{Environment.ProcessId}-{attempt}");
            if (files.TryMakeDirectory(path))
            {
                return new WorkingDirectory(path, keep);
            }
        }
    }

    /// <summary>Removes the directory with all that is in it.</summary>
    /// <exception cref="BenchException">Something in it can't be removed.</exception>
    public void Dispose()
    {
        if (_keep || !Directory.Exists(FullPath))
        {
            return;
        }

        try
        {
            Directory.Delete(FullPath, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BenchException($"Cannot remove {FullPath}: {failure.Message}", failure);
        }
    }
}
