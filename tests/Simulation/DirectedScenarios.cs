using Agreement.Messages;

namespace Simulation;

/// <summary>
/// Schedules that chance would hardly bring about, for f = 1: which messages are lost, and when, so that one rule of the
/// protocol alone stands between the cluster and two orders.
/// </summary>
internal static class DirectedScenarios
{
    /// <summary>From here on things go wrong, in milliseconds.</summary>
    private const long Begin = 12;

    private const long End = 4000;

    private static readonly PartyId A0 = PartyId.Agreement(0);
    private static readonly PartyId A1 = PartyId.Agreement(1);
    private static readonly PartyId A2 = PartyId.Agreement(2);
    private static readonly PartyId A3 = PartyId.Agreement(3);

    /// <summary>
    /// The primary is a liar and keeps its proposals from a1; nobody hears a3. So a3 alone prepares, and the liar votes for
    /// its batch to it. With 2f COMMITs it would deliver what the next view knows nothing of.
    /// </summary>
    public static SimulationOptions LonelyCommit(SimulationOptions calm) => Directed(calm) with
    {
        AgreementLiars = 1,
        FirstLiar = 0,
        Lies = () => [new Keep(MessageKind.PrePrepare, A1), new VoteForAll(), new DenyPrepared()],
        Loses = (from, to, message, now) => now is >= Begin and < End && from == A3 && to.Role == PartyRole.Agreement,
    };

    /// <summary>
    /// View 1 never begins, and in view 2 a3 claims to have prepared null in view 1 wherever something was committed in view
    /// 0. That nobody else pre-prepared null there (the Q sets) tells that it lies.
    /// </summary>
    public static SimulationOptions ClaimedNull(SimulationOptions calm) => Directed(calm) with
    {
        AgreementLiars = 1,
        FirstLiar = 3,
        Lies = () => [new ClaimNull()],
        Loses = (from, to, message, now) => now is >= Begin and < End
            && ((from == A0 && KindOf(message) == MessageKind.PrePrepare) || (from == A1 && KindOf(message) == MessageKind.NewView)),
    };

    /// <summary>
    /// In view 0 a0 alone prepares, and is not heard when view 1 begins, in which the others commit something else. In view
    /// 2 it tells of what it prepared; that others prepared another batch later (the P sets) overrules it. Nobody lies.
    /// </summary>
    public static SimulationOptions OldPrepared(SimulationOptions calm)
    {
        long first = long.MaxValue;
        return Directed(calm) with
        {
            OperationsPerClient = 200,
            Loses = (from, to, message, now) =>
            {
                ulong? view = ViewOf(message);
                if (view == 1 && KindOf(message) == MessageKind.PrePrepare)
                    first = Math.Min(first, now);
                return now is >= Begin and < End
                    && from.Role == PartyRole.Agreement
                    && to.Role == PartyRole.Agreement
                    && IsLostForOldPrepared(from, to, KindOf(message), view, isOver: now > first + 5);
            },
        };
    }

    private static bool IsLostForOldPrepared(PartyId from, PartyId to, MessageKind kind, ulong? view, bool isOver) => kind switch
    {
        // Only a0 prepares in view 0.
        MessageKind.Prepare when view == 0 => to != A0,

        // View 1 begins without a0 and is not heard of by it; it proposes for a while only.
        MessageKind.ViewChange when view == 1 => from == A0,
        MessageKind.PrePrepare when view == 1 => to == A0 || isOver,
        MessageKind.NewView or MessageKind.Committed or MessageKind.Progress or MessageKind.StableCertificate => to == A0 && view != 2,

        // View 2 begins without a1.
        MessageKind.ViewChange when view == 2 => from == A1,
        _ => false,
    };

    /// <summary>
    /// The site loses power, and the view that opens a new log incarnation ends before anything is prepared in it: the next
    /// one must still tell clients that something is lost.
    /// </summary>
    public static SimulationOptions UnheardIncarnation(SimulationOptions calm) => Directed(calm) with
    {
        Syncs = 0,
        SyncMicroseconds = 100_000,
        SiteLosesPowerAt = 20,
        OperationsPerClient = 200,
        Loses = (from, to, message, now) => KindOf(message) == MessageKind.Prepare && ViewOf(message) == 1,
    };

    private static SimulationOptions Directed(SimulationOptions calm) => calm with
    {
        Faults = 1,
        Clients = 2,
        InFlightPerClient = 4,
        CheckpointInterval = 64,
        ClockErrorMilliseconds = 1,
        HealAtMilliseconds = (int)End,
    };

    private static MessageKind KindOf(byte[] message) => (MessageKind)message[0];

    private static ulong? ViewOf(byte[] message)
    {
        var reader = new MessageReader(message);
        reader.ReadByte();
        return KindOf(message) switch
        {
            MessageKind.PrePrepare when PrePrepare.TryRead(ref reader, out PrePrepare proposed) => proposed.View.Value,
            MessageKind.Prepare when Vote.TryRead(ref reader, out Vote vote) => vote.View.Value,
            MessageKind.ViewChange when ViewChange.TryRead(ref reader, out ViewChange change) => change.View.Value,
            MessageKind.NewView when NewView.TryRead(ref reader, out NewView announced) => announced.View.Value,
            _ => null,
        };
    }
}
