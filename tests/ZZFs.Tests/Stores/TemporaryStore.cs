using ZZFs.Abstraction;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>A directory that holds stores and goes with the test.</summary>
internal sealed class TemporaryStore : IDisposable
{
    public TemporaryStore() => Folder = Directory.CreateTempSubdirectory("zzfs-store-").FullName;

    public string Folder { get; }

    public string FilePath => Path.Combine(Folder, "store.db");

    public ConformanceWrapper Open(VolumeLimits? limits = null, string name = "store.db") =>
        new(
        EmbeddedStore.Open(Path.Combine(Folder, name), 2 << 20),
        SqliteDigestStore.Open(Path.Combine(Folder, name + "-digests")),
        limits ?? VolumeLimits.Default);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
