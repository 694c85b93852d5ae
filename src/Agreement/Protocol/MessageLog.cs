using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// The window of numbers above the low water mark, as a ring. It reaches one window further than the high water mark, so
/// that votes just above a mark that has not moved here yet are kept, not dropped (SmartBFT's pitfall, DESIGN §13).
/// </summary>
internal sealed class MessageLog
{
    private readonly LogSlot[] ring;

    public MessageLog(int window, Quorum quorum, DigestArena digests)
    {
        Window = window;
        ring = new LogSlot[2 * window];
        for (int i = 0; i < ring.Length; i++)
        {
            ring[i] = new LogSlot(quorum.AgreementReplicas, quorum.ExecutionReplicas, digests);
            ring[i].Reset(new SequenceNumber((ulong)i + 1));
        }
    }

    /// <summary>L.</summary>
    public int Window { get; }

    /// <summary>h: the last stable checkpoint.</summary>
    public SequenceNumber LowWaterMark { get; private set; }

    /// <summary>Highest number that a proposal may have: h + L.</summary>
    public SequenceNumber HighWaterMark => new(LowWaterMark.Value + (ulong)Window);

    /// <summary>Highest number about which anything is kept.</summary>
    public SequenceNumber Horizon => new(LowWaterMark.Value + (ulong)ring.Length);

    /// <summary>Whether <paramref name="number"/> has a slot.</summary>
    public bool Holds(SequenceNumber number) => number > LowWaterMark && number <= Horizon;

    /// <summary>The slot of a number that <see cref="Holds"/>.</summary>
    public LogSlot this[SequenceNumber number]
    {
        get
        {
            Invariant.That(Holds(number));
            return ring[(int)((number.Value - 1) % (ulong)ring.Length)];
        }
    }

    /// <summary>Moves the low water mark up and gives the slots below it to the numbers that come into reach.</summary>
    /// <param name="stable">The new low water mark.</param>
    /// <param name="forget">Called for each slot before it is reused.</param>
    public void Advance(SequenceNumber stable, Action<LogSlot> forget)
    {
        ulong steps = stable.Value - LowWaterMark.Value;
        ulong cleared = Math.Min(steps, (ulong)ring.Length);
        SequenceNumber old = LowWaterMark;
        for (ulong i = 1; i <= cleared; i++)
        {
            LogSlot slot = ring[(int)((old.Value + i - 1) % (ulong)ring.Length)];
            forget(slot);
        }

        LowWaterMark = stable;
        for (ulong i = 1; i <= (ulong)ring.Length; i++)
        {
            var number = new SequenceNumber(stable.Value + i);
            LogSlot slot = ring[(int)((number.Value - 1) % (ulong)ring.Length)];
            if (slot.Number != number)
                slot.Reset(number);
        }
    }
}
