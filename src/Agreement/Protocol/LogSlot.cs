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

    /// <summary>Whether so many, not counting the replicas in <paramref name="except"/>, voted alike in this view.</summary>
    public readonly bool HasAgreement(View view, int votes, uint except)
    {
        for (uint rest = present & ~except; rest != 0; rest &= rest - 1)
        {
            if (Count(view, digests[BitOperations.TrailingZeroCount(rest)], except) >= votes)
                return true;
        }

        return false;
    }

    public void Clear() => present = 0;
}

/// <summary>What an agreement replica knows about one number of the window.</summary>
internal sealed class LogSlot(int replicas, int executionReplicas, DigestArena digests)
{
    /// <summary>The number; the slot is reused for others when the window moves.</summary>
    public SequenceNumber Number;

    /// <summary>The proposal of <see cref="ProposalView"/>, or what f + 1 replicas say was committed.</summary>
    public Batch? Batch;

    /// <summary>Digest of the batch that the new view chose here and that is not at hand yet.</summary>
    public Digest? Chosen;

    /// <summary>View of that proposal.</summary>
    public View ProposalView;

    /// <summary>f + 1 replicas pre-prepared or prepared it in earlier views: its bodies were checked.</summary>
    public bool Vouched;

    /// <summary>The proposal, with all bodies, is in the log and PREPARE was (or may be) sent in <see cref="ProposalView"/>.</summary>
    public bool Accepted;

    /// <summary>A prepared certificate of <see cref="ProposalView"/> is held and logged; COMMIT was sent.</summary>
    public bool Prepared;

    /// <summary>Its part of the P set: what was prepared last, in whatever view, or learned as committed.</summary>
    public ViewedDigest? LastPrepared;

    /// <summary>f + 1 replicas said that this batch was committed.</summary>
    public bool Learned;

    /// <summary>Delivered in order.</summary>
    public bool Delivered;

    /// <summary>
    /// Once delivered: a view that is not above the highest in which 2f + 1 prepared it in this log incarnation. The one in
    /// which this replica saw it committed or prepared again, or, if it learned, the lowest that f + 1 replicas named.
    /// </summary>
    public View CommittedView;

    /// <summary>The view under which it goes into the P and Q sets if it was learned.</summary>
    public View LearnedView;

    /// <summary>Chained history digest after this number, once delivered.</summary>
    public Digest History;

    /// <summary>Length of the log that holds what was delivered, under the view that P names.</summary>
    public ulong RecordsAtDelivery;

    /// <summary>Bytes of bodies that this number keeps in memory.</summary>
    public long BodyBytes;

    /// <summary>When the proposal came, in milliseconds.</summary>
    public long Since;

    /// <summary>Since when f + 1 PREPAREs of the present view speak of a proposal that has not come, in milliseconds, or 0.</summary>
    public long VotedSince;

    /// <summary>When f + 1 backups, this replica among them or not, were first known to have voted alike, in milliseconds, or 0.</summary>
    public long BackedSince;

    /// <summary>When that proposal was last asked for.</summary>
    public long ProposalAskedAt;

    /// <summary>How often it was asked for.</summary>
    public int ProposalAsked;

    /// <summary>When missing bodies were last asked for.</summary>
    public long BodiesAskedAt;

    /// <summary>How often they were asked for.</summary>
    public int BodiesAsked;

    /// <summary>Its part of the Q set: batches that were pre-prepared, with all bodies in the log.</summary>
    private readonly (View View, Batch? Batch)[] prePrepared = new (View, Batch?)[Limits.MaximumPrePrepared];

    public VoteSet Prepares = new(replicas);
    public VoteSet Commits = new(replicas);

    /// <summary>What the execution replicas report of it.</summary>
    public ReportSet Reports = new(executionReplicas, digests);

    /// <summary>Bit i: an affidavit for request i was sent, or waits, without being asked for.</summary>
    public ulong Affirmed;

    /// <summary>COMMITTED statements: the batch that each peer says was committed here.</summary>
    public readonly Order?[] Statements = new Order?[replicas];

    /// <summary>How many batches are in its part of the Q set.</summary>
    public int PrePreparedCount { get; private set; }

    /// <summary>One of them.</summary>
    public (View View, Batch Batch) PrePrepared(int index) => (prePrepared[index].View, prePrepared[index].Batch!);

    /// <summary>The batch of the Q set with this digest, if any.</summary>
    public Batch? FindPrePrepared(in Digest digest)
    {
        for (int i = 0; i < PrePreparedCount; i++)
        {
            if (prePrepared[i].Batch!.Digest == digest)
                return prePrepared[i].Batch;
        }

        return null;
    }

    /// <summary>
    /// Notes that a batch was pre-prepared in a view. When the set is full, the batch of the lowest view goes that was not
    /// prepared: to say less in a VIEW-CHANGE can delay a choice, never make it wrong.
    /// </summary>
    /// <param name="view">The view.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="dropped">The batch that went, or null.</param>
    /// <returns>Whether the batch is new to the set.</returns>
    public bool AddPrePrepared(View view, Batch batch, out Batch? dropped)
    {
        dropped = null;
        for (int i = 0; i < PrePreparedCount; i++)
        {
            if (prePrepared[i].Batch!.Digest != batch.Digest)
                continue;
            if (prePrepared[i].View.CompareTo(view) < 0)
                prePrepared[i].View = view;
            return false;
        }

        if (PrePreparedCount < prePrepared.Length)
        {
            prePrepared[PrePreparedCount++] = (view, batch);
            return true;
        }

        int lowest = -1;
        for (int i = 0; i < prePrepared.Length; i++)
        {
            bool goes = LastPrepared?.Batch != prePrepared[i].Batch!.Digest
                && (lowest < 0 || prePrepared[i].View.CompareTo(prePrepared[lowest].View) < 0);
            if (goes)
                lowest = i;
        }

        dropped = prePrepared[lowest].Batch;
        prePrepared[lowest] = (view, batch);
        return true;
    }

    public override string ToString() =>
        $"{Number} {(Batch is null ? "unknown" : "proposed")} accepted {Accepted} prepared {Prepared} learned {Learned} prepares {Prepares.Present:x} commits {Commits.Present:x}";

    public void Reset(SequenceNumber number)
    {
        Number = number;
        Batch = null;
        Chosen = null;
        ProposalView = default;
        Vouched = false;
        LastPrepared = null;
        CommittedView = LearnedView = default;
        Array.Clear(prePrepared);
        PrePreparedCount = 0;
        Accepted = Prepared = Learned = Delivered = false;
        History = default;
        RecordsAtDelivery = 0;
        BodyBytes = 0;
        Since = BodiesAskedAt = VotedSince = BackedSince = ProposalAskedAt = 0;
        BodiesAsked = ProposalAsked = 0;
        Prepares.Clear();
        Commits.Clear();
        Reports.Clear();
        Affirmed = 0;
        Array.Clear(Statements);
    }
}
