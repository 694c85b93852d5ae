using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Tests.Client;

/// <summary>The file service that replicas run, on an embedded store in a temporary folder, behind the operations' codec.</summary>
internal sealed class StoreVolume : ITestVolume, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("zzfs-store-").FullName;
    private readonly ConformanceWrapper service;
    private readonly MessageWriter request = new();
    private readonly MessageWriter reply = new();
    private long clock = 1_700_000_000_000_000_000;

    public StoreVolume() => service = new ConformanceWrapper(
        EmbeddedStore.Open(Path.Combine(folder, "store.db"), 2 << 20),
        SqliteDigestStore.Open(Path.Combine(folder, "digests.db")),
        VolumeLimits.Default with { TotalBytes = 1UL << 30 });

    public OperationResult Execute(Credentials caller, Operation operation)
    {
        clock += 1_000_000;
        request.Clear();
        reply.Clear();
        OperationCodec.Encode(caller, operation, request);
        OperationContext context = new(new Timestamp(clock), new SessionId(1), default, ExportEntry.Full);
        service.Execute(context, request.ToArray(), reply);
        Assert.True(OperationCodec.TryDecodeResult(reply.ToArray(), out OperationResult result));
        return result;
    }

    public void Dispose()
    {
        service.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
