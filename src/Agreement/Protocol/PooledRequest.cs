using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>A body that the pool holds, and what is known of it. Used again for another body after it was dropped.</summary>
internal sealed class PooledRequest
{
    /// <summary>The body; none while unused.</summary>
    public Request Request = null!;

    /// <summary>Neighbours in its client's queue, where it is exactly while it waits.</summary>
    public PooledRequest? Previous;

    /// <summary>See <see cref="Previous"/>.</summary>
    public PooledRequest? Next;

    /// <summary>Batches above the low water mark that refer to it.</summary>
    public int References;

    /// <summary>Waits to be ordered.</summary>
    public bool Waiting;

    /// <summary>Its signature was found good.</summary>
    public bool Verified;

    /// <summary>Its signature was found bad, and it is kept only because the primary was told that it is held.</summary>
    public bool Bad;

    /// <summary>A peer passed it on.</summary>
    public bool Forwarded;

    /// <summary>The primary was told that it is held.</summary>
    public bool Promised;

    /// <summary>Mask of the replicas that say that they hold it from its client.</summary>
    public uint HeldBy;

    /// <summary>When it began to wait, in milliseconds.</summary>
    public long ArrivedAt;

    /// <summary>When it was passed on to the primary, in milliseconds, or 0.</summary>
    public long PassedOnAt;

    /// <summary>When a batch last referred to it, in milliseconds, or 0.</summary>
    public long OrderedAt;

    /// <summary>The number at which it was delivered last, or 0.</summary>
    public SequenceNumber DeliveredAt;

    /// <summary>Forgets the body and all about it.</summary>
    public void Clear()
    {
        Invariant.That(Previous is null && Next is null && !Waiting && References <= 0);
        Request = null!;
        References = 0;
        Verified = Bad = Forwarded = Promised = false;
        HeldBy = 0;
        ArrivedAt = PassedOnAt = OrderedAt = 0;
        DeliveredAt = default;
    }
}
