using ZZFs.Abstraction;
using ZZFs.Tests.Abstraction.Conformance;

namespace ZZFs.Tests.Stores;

/// <summary>The tests that share one btrfs.</summary>
[CollectionDefinition(Name)]
public sealed class BtrfsGroup : ICollectionFixture<BtrfsSystem>
{
    public const string Name = "btrfs";
}

/// <summary>The tests that share one ZFS pool.</summary>
[CollectionDefinition(Name)]
public sealed class ZfsGroup : ICollectionFixture<ZfsSystem>
{
    public const string Name = "zfs";
}

[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsConformanceTests(BtrfsSystem btrfs) : FileServiceConformance
{
    protected override IFileService Open(VolumeLimits limits) => new BtrfsVolumes(btrfs.Path).OpenService(TreeVolumes.NewName(), limits);

    protected override void CleanUp()
    {
    }
}

[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs, IsSlow = true)]
public sealed class ZfsConformanceTests(ZfsSystem zfs) : FileServiceConformance
{
    protected override IFileService Open(VolumeLimits limits) => new ZfsVolumes(zfs.Pool, zfs.Path).OpenService(TreeVolumes.NewName(), limits);

    protected override void CleanUp()
    {
    }
}
