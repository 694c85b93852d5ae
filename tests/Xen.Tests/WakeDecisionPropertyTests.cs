using Agreement.Messages;
using Agreement.Tests.Protocol;
using CsCheck;

namespace Xen.Tests;

/// <summary>
/// The wake decision beside an obvious one, which keeps everything and searches it, under votes of liars and honest ones of
/// several epochs: replayed, skipped, crossed, partial.
/// </summary>
public class WakeDecisionPropertyTests
{
    private const uint Replica = 1;
    private const int Epochs = 5;
    private static readonly WakeOrder[] AllOrders =
        [.. Enumerable.Range(0, Epochs).SelectMany(epoch => (WakeOrder[])[Votes.SleepOrder((ulong)epoch), Votes.Wake((ulong)epoch)])];

    private enum Flaw
    {
        None,
        Forged,
        OtherReplica,
        Garbage,
    }

    private static readonly Gen<Flaw> Flaws = Gen.Frequency(
        (12, Gen.Const(Flaw.None)), (1, Gen.Const(Flaw.Forged)), (1, Gen.Const(Flaw.OtherReplica)), (1, Gen.Const(Flaw.Garbage)));

    private static readonly Gen<WakeOrder> Orders = Gen.Int[0, AllOrders.Length - 1].Select(i => AllOrders[i]);

    // One sender too many, so that strangers occur.
    private static Gen<Given[][]> Calls(Quorum quorum) => Gen.Select(
        Gen.Int[0, quorum.AgreementReplicas], Orders, Flaws, (sender, order, flaw) => new Given(sender, order, flaw)).Array[0, 6].Array[0, 30];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_decides_as_the_obvious_one_does(int faults)
    {
        var quorum = new Quorum(faults);
        Calls(quorum).Sample(calls =>
        {
            var decision = new WakeDecision(quorum, Replica, new HashSignatures());
            var model = new Model(quorum);
            foreach (Given[] call in calls)
            {
                WakeOrder? before = decision.Order;
                bool raised = decision.Take([.. call.Select(given => given.Encode())]);
                model.Take(call);
                Assert.Equal(model.Order, decision.Order);
                Assert.Equal(before != decision.Order, raised);
                if (raised)
                {
                    Assert.True(before is null || before < decision.Order);
                    Assert.True(model.Signers(decision.Order!.Value) >= quorum.Weak);
                    var other = new WakeDecision(quorum, Replica, new HashSignatures());
                    Assert.True(other.Take(decision.Votes));
                    Assert.Equal(decision.Order, other.Order);
                }
            }
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Whatever_came_before_f_plus_1_votes_in_one_call_are_enough(int faults)
    {
        var quorum = new Quorum(faults);
        Gen.Select(Calls(quorum), Orders, Gen.Int[0, quorum.AgreementReplicas - quorum.Weak]).Sample((calls, order, first) =>
        {
            var decision = new WakeDecision(quorum, Replica, new HashSignatures());
            foreach (Given[] call in calls)
                decision.Take([.. call.Select(given => given.Encode())]);
            decision.Take([.. Enumerable.Range(first, quorum.Weak).Select(sender => new Given(sender, order, Flaw.None).Encode())]);
            Assert.True(decision.Order >= order);
        });
    }

    /// <summary>One vote as it was given.</summary>
    private sealed record Given(int Sender, WakeOrder Order, Flaw Flaw)
    {
        public bool IsValid(Quorum quorum) =>
            Sender < quorum.AgreementReplicas && (Flaw == Flaw.None || (Flaw == Flaw.OtherReplica && Order.Kind == OrderKind.Wake));

        public ReadOnlyMemory<byte> Encode()
        {
            if (Flaw == Flaw.Garbage)
                return new byte[] { (byte)MessageKind.Recover, 1, 2 };
            Request.Signer? sign = Flaw == Flaw.Forged ? HashSignatures.Forge : null;
            // A RECOVER names no replica, so that flaw is none in it.
            return Order.Kind == OrderKind.Wake
                ? Votes.Recover(Sender, Order.Epoch.Value, sign)
                : Votes.Sleep(Sender, Flaw == Flaw.OtherReplica ? Replica + 1 : Replica, Order.Epoch.Value, sign);
        }
    }

    /// <summary>Keeps all valid votes for ever.</summary>
    private sealed class Model(Quorum quorum)
    {
        private readonly List<Given> history = [];

        public WakeOrder? Order { get; private set; }

        public int Signers(WakeOrder order) => history.Where(vote => vote.Order == order).Select(vote => vote.Sender).Distinct().Count();

        public void Take(Given[] call)
        {
            Given[] valid = [.. call.Where(vote => vote.IsValid(quorum))];
            // What a replica stands by is its highest vote of a kind; a call may bring others of it along.
            IEnumerable<Given> standing = history.GroupBy(vote => (vote.Sender, vote.Order.Kind)).Select(votes => votes.MaxBy(vote => vote.Order)!);
            WakeOrder[] backed =
                [.. valid.Concat(standing).GroupBy(vote => vote.Order).Where(votes => votes.Select(vote => vote.Sender).Distinct().Count() >= quorum.Weak).Select(votes => votes.Key)];
            if (backed.Length > 0 && (Order is null || backed.Max() > Order))
                Order = backed.Max();
            history.AddRange(valid);
        }
    }
}
