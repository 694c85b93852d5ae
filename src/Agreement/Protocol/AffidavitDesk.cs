using System.Numerics;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// Which clients want affidavits unasked, and what clients lately asked for by sending a request again. Every client has
/// bounds of its own: one affidavit or inquiry per slot in <see cref="IntervalMilliseconds"/>, and for as many slots as a
/// session has.
/// </summary>
internal sealed class AffidavitDesk(int clients, Quorum quorum)
{
    /// <summary>Least time between two answers to the same request, in milliseconds; correct clients wait longer.</summary>
    public const long IntervalMilliseconds = 100;

    // Per client the epoch that it named last, if any.
    private readonly Epoch?[] wanted = new Epoch?[clients];
    private readonly ClientState?[] states = new ClientState?[clients];
    private Epoch? lastWanted;

    /// <summary>Notes that a client wants affidavits for the rest of an epoch.</summary>
    /// <param name="client">Index of the client.</param>
    /// <param name="epoch">The epoch that it names.</param>
    /// <param name="current">Ours; a client may know of the next one before us, of no later one.</param>
    /// <returns>False when the client is unknown or the epoch can't be.</returns>
    public bool Want(uint client, Epoch epoch, Epoch current)
    {
        if (client >= wanted.Length || epoch.Value > current.Value + 1)
            return false;
        wanted[client] = epoch;
        if (lastWanted is not { } last || last.CompareTo(epoch) < 0)
            lastWanted = epoch;
        return true;
    }

    /// <summary>Whether any client may want affidavits in this epoch: none does as long as all is well.</summary>
    public bool AnyWants(Epoch epoch) => lastWanted is { } last && last.CompareTo(epoch) >= 0;

    /// <summary>Whether a client wants affidavits in this epoch.</summary>
    public bool Wants(PartyId client, Epoch epoch) => client.Index < wanted.Length && wanted[client.Index] == epoch;

    /// <summary>A client sent a request again.</summary>
    /// <returns>What is known of it, to be answered now; null if it was answered lately, or the client asks for too much.</returns>
    public Inquiry? Begin(Request request, long now) =>
        (states[request.Client.Index] ??= new ClientState()).Begin(request, now);

    /// <summary>Counts an execution replica's statement.</summary>
    /// <param name="sender">Index of the execution replica.</param>
    /// <param name="statement">What it says.</param>
    /// <returns>The inquiry that it is about, if a client asked lately.</returns>
    public Inquiry? Take(int sender, in ReplyStatement statement)
    {
        ReplyInquiry about = statement.About;
        if (about.Client >= states.Length || states[about.Client]?.Find(about) is not { } inquiry)
            return null;
        inquiry.Add(sender, statement, quorum.ExecutionReplicas);
        return inquiry;
    }

    private sealed class ClientState
    {
        private readonly Dictionary<(ulong Session, ushort Slot), LinkedListNode<Inquiry>> bySlot = [];

        // The one that was answered longest ago comes first.
        private readonly LinkedList<Inquiry> byTime = new();

        public Inquiry? Begin(Request request, long now)
        {
            (ulong, ushort) key = (request.Session.Value, request.Slot);
            if (bySlot.TryGetValue(key, out LinkedListNode<Inquiry>? place))
            {
                bool isSame = place.Value.About.RequestDigest == request.Digest;
                if (now - place.Value.At < IntervalMilliseconds)
                    return null;
                byTime.Remove(place);
                if (!isSame)
                    place.Value = new Inquiry(request);
            }
            else if (bySlot.Count < Limits.MaximumSlots)
            {
                place = new LinkedListNode<Inquiry>(new Inquiry(request));
            }
            else
            {
                place = byTime.First!;
                if (now - place.Value.At < IntervalMilliseconds)
                    return null;
                byTime.Remove(place);
                bySlot.Remove((place.Value.About.Session.Value, place.Value.About.Slot));
                place.Value = new Inquiry(request);
            }

            bySlot[key] = place;
            byTime.AddLast(place);
            place.Value.At = now;
            return place.Value;
        }

        public Inquiry? Find(in ReplyInquiry about) =>
            bySlot.TryGetValue((about.Session.Value, about.Slot), out LinkedListNode<Inquiry>? place) && place.Value.About == about
                ? place.Value
                : null;
    }
}

/// <summary>A request that its client sent again, and what execution replicas state of its reply.</summary>
internal sealed class Inquiry(Request request)
{
    private ReplyStatement[]? statements;
    private uint present;

    /// <summary>The request.</summary>
    public ReplyInquiry About { get; } =
        new(request.Client.Index, request.Session, request.Slot, request.SlotSequence, request.Digest);

    /// <summary>Whether its reply waits for disks.</summary>
    public bool IsSync { get; } = request.Flags.HasFlag(RequestFlags.Sync);

    /// <summary>When it was last answered, or asked about, in milliseconds.</summary>
    public long At { get; set; }

    /// <summary>Takes a statement; the last one of each sender counts.</summary>
    public void Add(int sender, in ReplyStatement statement, int replicas)
    {
        statements ??= new ReplyStatement[replicas];
        statements[sender] = statement;
        present |= 1u << sender;
    }

    /// <summary>Whether enough active replicas state the same as this one.</summary>
    public bool IsMatched(in ReplyStatement statement, uint active, int votes)
    {
        int equal = 0;
        for (uint rest = present & active; rest != 0; rest &= rest - 1)
        {
            if (statements![BitOperations.TrailingZeroCount(rest)] == statement)
                equal++;
        }

        return equal >= votes;
    }

    /// <summary>It is answered: statements that come late bring nothing more.</summary>
    public void Forget() => present = 0;
}
