using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// An agreement replica: PBFT with message authentication by links (Castro and Liskov, TOCS 2002), made to order batches
/// for separate execution replicas (Yin et al., SOSP 2003). A pure state machine: verified messages and clock readings go
/// in; what to log and to send is gathered in <see cref="Output"/>.
/// </summary>
/// <remarks>
/// Used from one thread. After each message, or after several, call <see cref="EndTurn"/> and carry out the output.
/// </remarks>
public sealed partial class Replica
{
    /// <summary>The top numbers of every window are kept for configuration entries (DESIGN §5), R.</summary>
    public const int ReservedNumbers = 8;

    private readonly int id;
    private readonly Quorum quorum;
    private readonly ReplicaOptions options;
    private readonly ISignatureChecker signatures;
    private readonly MessageLog log;
    private readonly RequestPool pool;
    private readonly uint otherReplicas;

    private long now;
    private long wallNanoseconds;
    private Digest deliveredHistory;
    private Timestamp lastTimestamp;

    /// <summary>Makes a replica with an empty log.</summary>
    /// <param name="id">Index of this agreement replica.</param>
    /// <param name="quorum">Thresholds.</param>
    /// <param name="options">Settings.</param>
    /// <param name="activeExecution">Mask of the execution replicas that are active in epoch 0.</param>
    /// <param name="clients">Number of clients in the cluster file.</param>
    /// <param name="signatures">Checks signatures.</param>
    /// <param name="sign">Signs as this replica.</param>
    public Replica(
        int id,
        Quorum quorum,
        ReplicaOptions options,
        uint activeExecution,
        int clients,
        ISignatureChecker signatures,
        Request.Signer sign)
    {
        this.id = id;
        this.quorum = quorum;
        this.options = options;
        this.signatures = signatures;
        this.sign = sign;
        clientCount = clients;
        initiallyActive = activeExecution;
        ActiveExecution = activeExecution;
        wanted = new View[quorum.AgreementReplicas];
        viewChanges = new ViewChange?[quorum.AgreementReplicas];
        recovers = new Recover?[quorum.AgreementReplicas];
        peersSynced = new Synced?[quorum.AgreementReplicas];
        helpedAt = new long[quorum.AgreementReplicas];
        fillGrantedAt = new long[quorum.AgreementReplicas];
        pace = new PrimaryPace(options.SlowPrimaryMilliseconds);
        otherReplicas = ((1u << quorum.AgreementReplicas) - 1) & ~(1u << id);
        log = new MessageLog(options.Window, quorum, Digests);
        pool = new RequestPool(clients, quorum, options, Requests);
        checkpoints = new List<Checkpoint>[quorum.ExecutionReplicas];
        for (int i = 0; i < checkpoints.Length; i++)
            checkpoints[i] = [];
        affidavits = new AffidavitDesk(clients, quorum);
        isValid = IsValid;
        forget = Forget;
        passOn = PassOn;
    }

    /// <summary>Where the batches of the log come from.</summary>
    internal BatchArena Batches { get; } = new();

    /// <summary>Where the digests of reports come from.</summary>
    internal DigestArena Digests { get; } = new();

    /// <summary>Where the requests that are handed in come from.</summary>
    internal RequestArena Requests { get; } = new();

    /// <summary>What to do; carry it out and clear it.</summary>
    public Output Output { get; } = new();

    /// <summary>Why messages were refused, and how often.</summary>
    public RejectionCounters Rejections { get; } = new();

    /// <summary>The current view, or the one that this replica waits for while it is not <see cref="InView"/>.</summary>
    public View View { get; private set; }

    /// <summary>The log incarnation r, under which this replica delivers.</summary>
    public Incarnation Incarnation { get; private set; }

    /// <summary>The incarnation that the last delivered incarnation entry began; requests that sign an older one have no effect.</summary>
    public Incarnation StateIncarnation { get; private set; }

    /// <summary>The current epoch.</summary>
    public Epoch Epoch { get; private set; }

    /// <summary>Mask of the execution replicas that are active in <see cref="Epoch"/>.</summary>
    public uint ActiveExecution { get; private set; }

    /// <summary>Last number delivered.</summary>
    public SequenceNumber Delivered { get; private set; }

    /// <summary>Last number that is, with everything before it, on this replica's disk.</summary>
    public SequenceNumber Synced { get; private set; }

    /// <summary>Requests delivered since the replica started.</summary>
    public ulong DeliveredRequests { get; private set; }

    /// <summary>Last stable checkpoint, the low water mark h.</summary>
    public SequenceNumber LowWaterMark => log.LowWaterMark;

    /// <summary>Highest number about which the log holds anything.</summary>
    public SequenceNumber HighestLogged => highestActive > LowWaterMark ? highestActive : LowWaterMark;

    /// <summary>Proof of the last stable checkpoint; null before the first.</summary>
    public StableCertificate? Stable { get; private set; }

    /// <summary>Index of the current view's primary.</summary>
    public int Primary => (int)(View.Value % (ulong)quorum.AgreementReplicas);

    /// <summary>Whether this replica is the primary.</summary>
    public bool IsPrimary => Primary == id;

    /// <summary>Whether something waits that time may have to help along; else the shell may tick rarely.</summary>
    public bool HasWork =>
        pool.Waiting > 0 || highestActive > Delivered || highestVoted > Delivered || deferredOrders.Count > 0 || !InView || justifiedAt != 0 || chosenMissing > 0;

    /// <summary>Request bodies held, those waiting to be ordered included.</summary>
    public int HeldRequests => pool.Held;

    /// <summary>Chained history digest after <see cref="Delivered"/>.</summary>
    public Digest HistoryDigest => deliveredHistory;

    /// <summary>Tells the time before messages are handed in.</summary>
    /// <param name="milliseconds">Monotonic.</param>
    /// <param name="wall">Wall clock, nanoseconds since 1970.</param>
    public void SetClock(long milliseconds, long wall)
    {
        now = milliseconds;
        wallNanoseconds = wall;
    }

    /// <summary>Ends a turn: proposes what has gathered.</summary>
    public void EndTurn()
    {
        Propose();
        TellHeld();
    }

    /// <summary>Lets time pass: re-sends and fetches what is overdue. Call about every 10 ms while <see cref="HasWork"/>, else every 100.</summary>
    public void Tick()
    {
        if (resumes)
            Resume();
        pool.Expire(now);
        SendDeferredOrders();
        ReleaseAffidavits();
        FetchOverdueProposals();
        FetchOverdueBodies();
        if (chosenMissing > 0 && now - batchesAskedAt >= FetchBatchMilliseconds)
            FetchChosen();
        TellProgress();
        TickSuspicion();
        TickViewChange();
        TickEpochs();
        Propose();
    }

    /// <summary>A link came up: tells the peer what it may have missed.</summary>
    public void OnConnected(PartyId party)
    {
        switch (party.Role)
        {
            case PartyRole.Agreement:
                connectedReplicas |= 1u << (int)party.Index;
                lostReplicas &= ~(1u << (int)party.Index);
                if ((int)party.Index == Primary)
                    primaryLostAt = 0;
                helpedAt[party.Index] = 0;
                SendProgress(1u << (int)party.Index);
                ResendToConnected(1u << (int)party.Index);
                break;
            case PartyRole.Execution:
                SendClusterState(party);
                if (Stable is not null)
                    SendStable(party);
                if (Synced.Value > 0)
                    SendSynced(0, 1u << (int)party.Index);
                break;
            case PartyRole.Client:
                SendClusterState(party);
                break;
            default:
                break;
        }
    }

    /// <summary>One line about where this replica stands, for traces.</summary>
    public override string ToString() =>
        $"view {View}{(InView ? "" : " pending")}{(IsAmnesic ? $" amnesic to {Ceiling}" : "")} r {Incarnation} low {LowWaterMark} delivered {Delivered} proposed {lastProposed} highest {highestActive} synced {Synced} waiting {pool.Waiting} bytes {logBytes}"
        + (log.Holds(Delivered.Next) ? $" next: {log[Delivered.Next]}" : "");

    // What is said once and to everybody may have been lost with the link.
    private void ResendToConnected(uint mask)
    {
        if (wanted[id].CompareTo(View) > 0)
            SendWant();
        if (!InView)
            ResendViewChange(mask);
        if (Synced.Value > 0)
            SendSynced(mask, 0);
    }

    private void SendClusterState(PartyId party)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new ClusterState(StateIncarnation, Epoch, ActiveExecution, View).Write(writer);
        Output.EndMessage(start, Recipients.One(party));
    }

    private void SendToReplicas(uint mask, MessageKind kind, in Vote vote)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        vote.Write(writer, kind);
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }
}
