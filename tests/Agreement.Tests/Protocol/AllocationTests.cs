using Agreement.Messages;
using Agreement.Protocol;

namespace Agreement.Tests.Protocol;

/// <summary>"A steady-state step allocates nothing, and a test says so" (STYLE §6): nothing but what must outlive the step.</summary>
public class AllocationTests
{
    /// <summary>
    /// What a backup may allocate for one delivered number with one empty request: the request's bytes and objects, which
    /// outlive the message, its place in the pool, and the batch.
    /// </summary>
    private const int BoundBytes = 768;

    private const int WarmUp = 64;
    private const int Measured = 256;

    [Fact]
    public void A_backup_allocates_little_for_a_delivered_empty_request()
    {
        var quorum = new Quorum(1);
        var replica = new Replica(1, quorum, new ReplicaOptions { CheckpointInterval = 1024 }, 3, 1, new HashSignatures(), HashSignatures.Of(PartyId.Agreement(1)));
        var inbox = new AgreementInbox(replica);
        replica.SetClock(1000, ReplicaHarness.Wall);
        var steps = new List<(PartyId From, ReadOnlyMemory<byte> Message)>();
        for (ulong number = 1; number <= WarmUp + Measured; number++)
            AddSteps(steps, number);
        int perNumber = steps.Count / (WarmUp + Measured);
        Run(inbox, replica, steps, 0, WarmUp * perNumber);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(inbox, replica, steps, WarmUp * perNumber, steps.Count);
        long perDelivery = (GC.GetAllocatedBytesForCurrentThread() - before) / Measured;
        Assert.Equal((ulong)(WarmUp + Measured), replica.Delivered.Value);
        Assert.True(perDelivery <= BoundBytes, $"{perDelivery} bytes are allocated for each number");
    }

    private static void Run(AgreementInbox inbox, Replica replica, List<(PartyId From, ReadOnlyMemory<byte> Message)> steps, int first, int end)
    {
        for (int i = first; i < end; i++)
        {
            inbox.Deliver(steps[i].From, steps[i].Message);
            replica.EndTurn();
            replica.Output.Clear();
        }
    }

    private static void AddSteps(List<(PartyId From, ReadOnlyMemory<byte> Message)> steps, ulong number)
    {
        Request request = ReplicaHarness.Ask(0, number, bytes: 0);
        Batch batch = ReplicaHarness.Batch([request], after: (long)number);
        var vote = new Vote(default, new SequenceNumber(number), batch.Digest);
        steps.Add((request.Client, request.Encoded));
        Add(PartyId.Agreement(0), new PrePrepare(default, new SequenceNumber(number), batch).Write);
        foreach (int peer in (int[])[2, 3])
            Add(PartyId.Agreement(peer), writer => vote.Write(writer, MessageKind.Prepare));
        foreach (int peer in (int[])[0, 2, 3])
            Add(PartyId.Agreement(peer), writer => vote.Write(writer, MessageKind.Commit));

        void Add(PartyId from, Action<MessageWriter> write)
        {
            var writer = new MessageWriter();
            write(writer);
            steps.Add((from, writer.ToArray()));
        }
    }
}
