using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Abstraction;

namespace ZZFs.Tests.Stores;

/// <summary>Replicas on ZFS, btrfs and a database are one file system: they answer alike and have the same digests.</summary>
[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs)]
public sealed class NVersionTests(ZfsSystem zfs)
{
    private const int Operations = 100_000;
    private const int CheckpointInterval = 1000;

    [StoreFact]
    public void Three_file_systems_agree_over_a_hundred_thousand_operations()
    {
        using var btrfs = new BtrfsSystem();
        using var folder = new TemporaryStore();
        int opened = 0;
        var run = new NVersionRun(
            limits =>
            [
                new ZfsVolumes(zfs.Pool, zfs.Path).OpenService(TreeVolumes.NewName(), limits),
                new BtrfsVolumes(btrfs.Path).OpenService(TreeVolumes.NewName(), limits),
                folder.Open(limits, $"store-{opened++}.db"),
            ],
            CheckpointInterval);
        Assert.Null(run.FindDifference(NVersionRun.Generate(20, Operations)));
    }

    [Fact]
    public void A_difference_is_found_and_shown_by_few_operations()
    {
        var run = new NVersionRun(
            limits => [MakeService(limits), new Forgetful(MakeService(limits))],
            CheckpointInterval);
        string? difference = run.FindDifference(NVersionRun.Generate(21, 3000));
        Assert.NotNull(difference);
        Assert.InRange(difference.Split("\nsession ").Length - 1, 1, 4);
    }

    private static ConformanceWrapper MakeService(VolumeLimits limits) => new(new MemoryStore(), new MemoryDigestStore(), limits);

    // Makes no hard links.
    private sealed class Forgetful(IFileService service) : IFileService
    {
        public SequenceNumber LastCheckpoint => service.LastCheckpoint;

        public ReadOnlyMemory<byte> LastCheckpointAnnex => service.LastCheckpointAnnex;

        public Digest LastCheckpointDigest => service.LastCheckpointDigest;

        public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result)
        {
            Assert.True(OperationCodec.TryDecode(operation, out _, out Operation decoded));
            if (decoded is Link)
                OperationCodec.EncodeResult(OperationResult.Success, result);
            else
                service.Execute(context, operation, result);
        }

        public void EndSession(SessionId session) => service.EndSession(session);

        public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex) => service.BeginCheckpoint(number, time, annex);

        public ICheckpointWork PrepareCheckpoint() => service.PrepareCheckpoint();

        public Digest FinishCheckpoint(ICheckpointWork work) => service.FinishCheckpoint(work);

        public void CheckpointIsStable(SequenceNumber number) => service.CheckpointIsStable(number);

        public bool DropOldCheckpoint() => service.DropOldCheckpoint();

        public void Rollback() => service.Rollback();

        public void Dispose() => service.Dispose();
    }
}
