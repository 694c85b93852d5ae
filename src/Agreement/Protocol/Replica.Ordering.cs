using System.Numerics;
using Agreement.Messages;

namespace Agreement.Protocol;

// ORDERs to the execution replicas (DESIGN §6).
public sealed partial class Replica
{
    /// <summary>Deferred ORDERs leave at once when this many have gathered.</summary>
    private const int OrdersTogether = 16;

    private readonly List<SequenceNumber> deferredOrders = [];
    private uint connectedReplicas;

    // Those whose link was up and is down.
    private uint lostReplicas;

    /// <summary>The link of a party is down.</summary>
    public void OnDisconnected(PartyId party)
    {
        if (party.Role != PartyRole.Agreement || !IsConnected((int)party.Index))
            return;
        connectedReplicas &= ~(1u << (int)party.Index);
        lostReplicas |= 1u << (int)party.Index;
        pool.ForgetHeldBy((int)party.Index);
        if ((int)party.Index == Primary)
            primaryLostAt = now;
    }

    private bool IsConnected(int replica) => (connectedReplicas & (1u << replica)) != 0;

    // f + 1 equal ORDERs are enough, so that many replicas, in an order that turns with the number, send theirs at once; the
    // others' come a little later and many at a time, which spares the execution replicas half of their wake-ups. A replica
    // whose link to us is down doesn't count; one that is up and mute costs its numbers one tick.
    private bool SendsOrderAtOnce(SequenceNumber number)
    {
        int replicas = quorum.AgreementReplicas;
        uint before = 0;
        for (int turn = (int)(number.Value % (ulong)replicas); turn != id; turn = (turn + 1) % replicas)
            before |= 1u << turn;
        return BitOperations.PopCount(before & connectedReplicas) < quorum.Weak;
    }

    private void DeferOrder(SequenceNumber number)
    {
        deferredOrders.Add(number);
        if (deferredOrders.Count >= OrdersTogether)
            SendDeferredOrders();
    }

    private void SendDeferredOrders()
    {
        foreach (SequenceNumber number in deferredOrders)
        {
            if (log.Holds(number))
                SendOrder(log[number], MessageKind.Order, new Recipients(0, ActiveExecution, null));
        }

        deferredOrders.Clear();
    }
}
