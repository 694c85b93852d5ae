using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client;

/// <summary>
/// What a session has to know of operations to submit them again after a new log incarnation (DESIGN §6): what they change,
/// and which of the client's names mean other objects since.
/// </summary>
public interface IOperationSemantics
{
    /// <summary>Whether an encoded operation leaves the state as it is.</summary>
    bool OnlyReads(ReadOnlyMemory<byte> operation);

    /// <summary>An encoded operation with the client's names replaced by those that the cluster knows.</summary>
    ReadOnlyMemory<byte> ToCluster(ReadOnlyMemory<byte> operation);

    /// <summary>A result with the cluster's names replaced by those that the client knows.</summary>
    OperationResult ToClient(OperationResult result);

    /// <summary>An operation was executed again: learns which objects the client's names mean now.</summary>
    /// <param name="first">The result that the client has seen, in its own names.</param>
    /// <param name="second">The new one, in the cluster's.</param>
    /// <returns>Whether the two are the same in everything but times and names.</returns>
    bool Repeated(OperationResult first, OperationResult second);
}

/// <summary>Operations of which nothing is known: all change something, and name nothing.</summary>
public sealed class OpaqueOperations : IOperationSemantics
{
    /// <inheritdoc/>
    public bool OnlyReads(ReadOnlyMemory<byte> operation) => false;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> ToCluster(ReadOnlyMemory<byte> operation) => operation;

    /// <inheritdoc/>
    public OperationResult ToClient(OperationResult result) => result;

    /// <inheritdoc/>
    public bool Repeated(OperationResult first, OperationResult second) => Encode(first).Written.SequenceEqual(Encode(second).Written);

    private static MessageWriter Encode(OperationResult result)
    {
        var writer = new MessageWriter(256);
        OperationCodec.EncodeResult(result, writer);
        return writer;
    }
}
