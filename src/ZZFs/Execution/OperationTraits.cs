using ZZFs.Abstraction.Operations;

namespace ZZFs.Execution;

/// <summary>What execution knows of an operation's effect.</summary>
public static class OperationTraits
{
    /// <summary>Whether an encoded operation leaves the state as it is, so that it may be executed again.</summary>
    public static bool OnlyReads(ReadOnlyMemory<byte> encoded) =>
        OperationCodec.TryDecode(encoded, out _, out Operation operation) && OnlyReads(operation);

    /// <summary>Whether an operation leaves the state as it is.</summary>
    public static bool OnlyReads(Operation operation) => operation switch
    {
        Lookup or GetAttributes or CheckAccess or ReadLink or Read or ReadDirectory or GetStatistics
            or GetXattr or ListXattrs or Seek or TestLock => true,
        Compound compound => compound.Operations.All(OnlyReads),
        _ => false,
    };
}
