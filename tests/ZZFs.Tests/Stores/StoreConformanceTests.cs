using ZZFs.Abstraction;
using ZZFs.Tests.Abstraction.Conformance;

namespace ZZFs.Tests.Stores;

public sealed class EmbeddedStoreConformanceTests : FileServiceConformance
{
    private readonly TemporaryStore folder = new();
    private int count;

    protected override IFileService Open(VolumeLimits limits) => folder.Open(limits, $"store-{count++}.db");

    protected override void CleanUp() => folder.Dispose();
}

public sealed class MemoryStoreConformanceTests : FileServiceConformance
{
    protected override IFileService Open(VolumeLimits limits) => new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), limits);

    protected override void CleanUp()
    {
    }
}
