namespace ZZFs.Tests.Bench;

/// <summary>A directory of a test's own.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("zzfs-bench-test-").FullName;

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
