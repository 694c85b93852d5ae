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
    private readonly ReplyAffidavit?[] affidavits;

    /// <summary>Starts with no replies.</summary>
    public ReplyCollector(Quorum quorum)
    {
        this.quorum = quorum;
        replies = new Reply?[quorum.ExecutionReplicas];
        affidavits = new ReplyAffidavit?[quorum.AgreementReplicas];
    }

    /// <summary>f + 1 agree, but none of the agreed full results is here: ask for it.</summary>
    public bool LacksBody { get; private set; }

    /// <summary>The certified result is due to affidavits: f + 1 matching replies did not come first.</summary>
    public bool IsAffirmed { get; private set; }

    /// <summary>Log incarnation of the certified result.</summary>
    public Incarnation Incarnation { get; private set; }

    /// <summary>Number of the certified result.</summary>
    public SequenceNumber Number { get; private set; }

    /// <summary>Forgets all replies and affidavits.</summary>
    public void Clear()
    {
        Array.Clear(replies);
        Array.Clear(affidavits);
        LacksBody = IsAffirmed = false;
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
            return reply.Full ? FindAffirmed() : null;
        LacksBody = body is null;
        (Incarnation, Number) = (reply.Incarnation, reply.Number);
        return body;
    }

    /// <summary>
    /// Takes the affidavit of an agreement replica; its last one counts. f + 1 equal ones certify one full result from
    /// anyone, active or not, since the result proves itself by its digest.
    /// </summary>
    /// <param name="sender">Index of the agreement replica.</param>
    /// <param name="affidavit">Its affidavit, of the request at hand.</param>
    /// <returns>The certified result, or null while there is none.</returns>
    public ReadOnlyMemory<byte>? Add(int sender, in ReplyAffidavit affidavit)
    {
        affidavits[sender] = affidavit;
        return FindAffirmed();
    }

    private ReadOnlyMemory<byte>? FindAffirmed()
    {
        foreach (ReplyAffidavit? candidate in affidavits)
        {
            if (candidate is not { } affirmed || affidavits.Count(other => other == candidate) < quorum.Weak)
                continue;
            (Incarnation, Number) = (affirmed.Incarnation, affirmed.Number);
            foreach (Reply? reply in replies)
            {
                if (reply is { Full: true } full && full.ResultDigest == affirmed.ResultDigest)
                {
                    IsAffirmed = true;
                    return full.Result;
                }
            }

            LacksBody = true;
        }

        return null;
    }

    private static bool IsSame(in Reply one, in Reply other) =>
        one.ResultDigest == other.ResultDigest
        && one.Number == other.Number
        && one.Epoch == other.Epoch
        && one.Incarnation == other.Incarnation;
}
