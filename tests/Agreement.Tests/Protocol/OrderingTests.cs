using Agreement.Messages;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>When ORDERs leave: f + 1 are enough, so f + 1 replicas hurry (DESIGN §6, and its Decisions).</summary>
public class OrderingTests
{
    [Fact]
    public void With_all_peers_up_exactly_f_plus_1_replicas_send_an_order_at_once_and_the_others_a_tick_later()
    {
        for (int number = 1; number <= 8; number++)
        {
            // Replica 0 is the primary, which this harness can't make deliver without requests of its own.
            for (int id = 1; id < 4; id++)
            {
                ReplicaHarness replica = Connected(id);
                for (int before = 1; before < number; before++)
                    replica.Deliver(Null());
                replica.Tick(10);
                bool hurries = id == number % 4 || id == (number + 1) % 4;
                Assert.Equal(hurries ? 1 : 0, replica.Deliver(Null()).Orders.Count);
                Assert.Equal(hurries ? 0 : 1, replica.Tick(10).Orders.Count);
            }
        }
    }

    [Fact]
    public void A_replica_takes_the_place_of_one_whose_link_is_down()
    {
        // Number 4: replicas 0 and 1 would hurry.
        ReplicaHarness replica = Connected(2);
        for (int before = 1; before < 4; before++)
            replica.Deliver(Null());
        replica.Tick(10);
        replica.Replica.OnDisconnected(PartyId.Agreement(1));
        Assert.Single(replica.Deliver(Null()).Orders);
    }

    [Fact]
    public void A_delivery_is_recorded_but_no_message_waits_for_the_record()
    {
        ReplicaHarness replica = Connected(1);
        bool waits = true;
        replica.Persist = output => waits = output.LogBeforeSending;
        replica.Deliver(Null());
        Assert.False(waits);
    }

    private static ReplicaHarness Connected(int id)
    {
        var replica = new ReplicaHarness(id);
        for (int peer = 0; peer < 4; peer++)
        {
            if (peer != id)
                replica.Connected(PartyId.Agreement(peer));
        }

        return replica;
    }
}
