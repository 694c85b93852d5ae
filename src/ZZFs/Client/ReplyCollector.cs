using System.Numerics;
using Agreement.Messages;

namespace ZZFs.Client;

/// <summary>
/// Gathers the replies to one request and says when f + 1 distinct execution replicas, active in the epoch of their
/// replies, gave the same (DESIGN §6). Votes are counted per value: a differing one never discards others.
/// </summary>
public sealed class ReplyCollector
{
    private readonly Quorum quorum;
    private readonly Reply?[] replies;

    /// <summary>Starts with no replies.</summary>
    public ReplyCollector(Quorum quorum)
    {
        this.quorum = quorum;
        replies = new Reply?[quorum.ExecutionReplicas];
    }

    /// <summary>f + 1 agree, but none of the agreed full results is here: ask for it.</summary>
    public bool LacksBody { get; private set; }

    /// <summary>Forgets all replies.</summary>
    public void Clear()
    {
        Array.Clear(replies);
        LacksBody = false;
    }

    /// <summary>Takes the reply of an execution replica; a full result is copied. Its last reply counts.</summary>
    /// <param name="sender">Index of the execution replica.</param>
    /// <param name="reply">Its reply, to the request at hand.</param>
    /// <param name="epoch">The current epoch, as f + 1 agreement replicas named it.</param>
    /// <param name="active">Mask of the replicas active in it.</param>
    /// <returns>The certified result, or null while there is none.</returns>
    public ReadOnlyMemory<byte>? Add(int sender, in Reply reply, Epoch epoch, uint active)
    {
        // A digest must not displace the body that the same replica has sent before.
        if (replies[sender] is not { Full: true } known || known.ResultDigest != reply.ResultDigest || reply.Full || known.Epoch != reply.Epoch)
            replies[sender] = reply with { Result = reply.Full ? reply.Result.ToArray() : default };
        uint voters = 0;
        ReadOnlyMemory<byte>? body = null;
        for (int i = 0; i < replies.Length; i++)
        {
            if ((active & (1u << i)) == 0 || replies[i] is not { } other || other.Epoch != epoch || !IsSame(reply, other))
                continue;
            voters |= 1u << i;
            if (other.Full)
                body = other.Result;
        }

        if (BitOperations.PopCount(voters) < quorum.Weak)
            return null;
        LacksBody = body is null;
        return body;
    }

    private static bool IsSame(in Reply one, in Reply other) =>
        one.ResultDigest == other.ResultDigest
        && one.Number == other.Number
        && one.Epoch == other.Epoch
        && one.Incarnation == other.Incarnation;
}
