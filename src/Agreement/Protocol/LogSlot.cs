using System.Numerics;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// The votes of one kind at one number: for each replica the last one that it cast. Votes are counted per value, so one
/// liar can't discard the votes of others (UpRight's starvation, DESIGN §13).
/// </summary>
internal struct VoteSet
{
    private readonly Digest[] digests;
    private readonly ulong[] views;
    private uint present;

    public VoteSet(int replicas)
    {
        digests = new Digest[replicas];
        views = new ulong[replicas];
    }

    /// <summary>Who has voted, whatever for.</summary>
    public readonly uint Present => present;

    /// <summary>Takes a vote; one of an older view than the sender's last is ignored.</summary>
    public void Add(int sender, View view, in Digest digest)
    {
        uint bit = 1u << sender;
        if ((present & bit) != 0 && views[sender] >= view.Value)
            return;
        present |= bit;
        views[sender] = view.Value;
        digests[sender] = digest;
    }

    /// <summary>Votes for exactly this view and digest, not counting the replicas in <paramref name="except"/>.</summary>
    public readonly int Count(View view, in Digest digest, uint except = 0)
    {
        int count = 0;
        for (uint rest = present & ~except; rest != 0; rest &= rest - 1)
        {
            int sender = BitOperations.TrailingZeroCount(rest);
            if (views[sender] == view.Value && digests[sender] == digest)
                count++;
        }

        return count;
    }

    public void Clear() => present = 0;
}

/// <summary>What an agreement replica knows about one number of the window.</summary>
internal sealed class LogSlot(int replicas)
{
    /// <summary>The number; the slot is reused for others when the window moves.</summary>
    public SequenceNumber Number;

    /// <summary>The proposal accepted in <see cref="ProposalView"/>, or what f + 1 replicas say was committed.</summary>
    public Batch? Batch;

    /// <summary>View of the accepted proposal.</summary>
    public View ProposalView;

    /// <summary>The proposal, with all bodies, is in the log and PREPARE was (or may be) sent.</summary>
    public bool Accepted;

    /// <summary>A prepared certificate is held and logged; COMMIT was sent.</summary>
    public bool Prepared;

    /// <summary>f + 1 replicas said that this batch was committed.</summary>
    public bool Learned;

    /// <summary>Delivered in order.</summary>
    public bool Delivered;

    /// <summary>Chained history digest after this number, once delivered.</summary>
    public Digest History;

    /// <summary>Length of the log when the number was delivered.</summary>
    public ulong RecordsAtDelivery;

    /// <summary>Bytes of bodies that this number keeps in memory.</summary>
    public long BodyBytes;

    /// <summary>When the proposal came, in milliseconds.</summary>
    public long Since;

    /// <summary>When missing bodies were last asked for.</summary>
    public long BodiesAskedAt;

    public VoteSet Prepares = new(replicas);
    public VoteSet Commits = new(replicas);

    /// <summary>COMMITTED statements: the batch that each peer says was committed here.</summary>
    public readonly Order?[] Statements = new Order?[replicas];

    public override string ToString() =>
        $"{Number} {(Batch is null ? "unknown" : "proposed")} accepted {Accepted} prepared {Prepared} learned {Learned} prepares {Prepares.Present:x} commits {Commits.Present:x}";

    public void Reset(SequenceNumber number)
    {
        Number = number;
        Batch = null;
        ProposalView = default;
        Accepted = Prepared = Learned = Delivered = false;
        History = default;
        RecordsAtDelivery = 0;
        BodyBytes = 0;
        Since = BodiesAskedAt = 0;
        Prepares.Clear();
        Commits.Clear();
        Array.Clear(Statements);
    }
}
