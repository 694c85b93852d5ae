using System.Globalization;
using ZZFs.Abstraction;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction.Conformance;

namespace ZZFs.Tests.Stores;

/// <summary>The tests that share one btrfs.</summary>
[CollectionDefinition(Name)]
public sealed class BtrfsGroup : ICollectionFixture<BtrfsSystem>
{
    public const string Name = "btrfs";
}

[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsConformanceTests(BtrfsSystem btrfs) : FileServiceConformance
{
    protected override IFileService Open(VolumeLimits limits) => new ConformanceWrapper(TreeStores.OpenBtrfs(btrfs), limits);

    protected override void CleanUp()
    {
    }
}

/// <summary>Opens stores under new names.</summary>
internal static class TreeStores
{
    private static int count;

    public static string NewName() => "store-" + Interlocked.Increment(ref count).ToString(CultureInfo.InvariantCulture);

    public static TreeStore OpenBtrfs(BtrfsSystem btrfs, string? name = null)
    {
        name ??= NewName();
        return TreeStore.Open(BtrfsVolume.Open(btrfs.Path, name), Path.Combine(btrfs.Path, name + ".lock"));
    }
}
