using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>
/// A steady-state step of the core allocates nothing: not a message of the normal case, from the request to its delivery,
/// nor the ticks between. What is kept comes from what was dropped when a checkpoint became stable.
/// </summary>
public class AllocationTests
{
    private const int Clients = 3;
    private const int CheckpointInterval = 16;
    private const int WarmUp = 16 * CheckpointInterval;
    private const int Measured = 64 * CheckpointInterval;

    private readonly List<Step> steps = [];
    private Digest history;

    /// <summary>What may happen in a turn besides messages.</summary>
    private enum Also
    {
        Nothing,
        Tick,
        Synced,
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_step_of_the_normal_case_allocates_nothing(int id)
    {
        var options = new ReplicaOptions { CheckpointInterval = CheckpointInterval };
        var replica = new Replica(id, new Quorum(1), options, 3, Clients, new HashSignatures(), HashSignatures.Of(PartyId.Agreement(id)));
        for (ulong number = 1; number <= WarmUp + Measured; number++)
            AddNumber(id, number);
        var inbox = new AgreementInbox(replica);
        long[] allocated = new long[256];
        int warmUp = steps.FindIndex(step => step.Number > WarmUp);
        for (int i = 0; i < steps.Count; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Run(replica, inbox, steps[i]);
            if (i >= warmUp)
                allocated[(int)steps[i].Kind] += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal((ulong)(WarmUp + Measured), replica.Delivered.Value);
        Assert.Equal((ulong)(WarmUp + Measured), replica.LowWaterMark.Value);
        Assert.Equal(0ul, replica.Rejections.Total);

        // A checkpoint is kept with its certificate; there is one for many numbers.
        allocated[(int)MessageKind.Checkpoint] = 0;
        Assert.Equal("", string.Join(", ", allocated.Select((bytes, kind) => bytes == 0 ? "" : $"{(MessageKind)kind}: {bytes}").Where(text => text != "")));
    }

    private static void Run(Replica replica, AgreementInbox inbox, in Step step)
    {
        replica.SetClock(1000 + (long)step.Number, Wall);
        if (step.Kind != 0)
            inbox.Deliver(step.From, step.Message);
        if (step.Also == Also.Tick)
            replica.Tick();
        else if (step.Also == Also.Synced)
            replica.OnLogSynced(replica.Output.RecordCount);
        replica.EndTurn();
        replica.Output.Clear();
    }

    // As many requests as clients come in, are proposed together and are delivered.
    private void AddNumber(int id, ulong number)
    {
        Request[] requests = [.. Enumerable.Range(0, (int)(number % Clients) + 1).Select(client => Ask(client, number, bytes: 10 * (int)(number % 7)))];
        Batch batch = Batch(requests, after: (long)number - 1);
        int[] backups = [.. Enumerable.Range(1, 3).Where(backup => backup != id)];

        // The last request comes to a primary when all are known to be held.
        if (id == 0)
        {
            foreach (int backup in backups)
                Add(number, PartyId.Agreement(backup), writer => Held.Write(writer, [.. requests.Select(request => request.Digest)]));
        }

        foreach (Request request in requests)
            steps.Add(new Step(number, request.Client, request.Encoded, MessageKind.Request, Also.Nothing));
        if (id != 0)
            Add(number, PartyId.Agreement(0), new PrePrepare(default, new SequenceNumber(number), batch).Write);
        var vote = new Vote(default, new SequenceNumber(number), batch.Digest);
        foreach (int backup in backups)
            Add(number, PartyId.Agreement(backup), writer => vote.Write(writer, MessageKind.Prepare));
        foreach (int other in (int[])[.. backups, .. id == 0 ? Array.Empty<int>() : [0]])
            Add(number, PartyId.Agreement(other), writer => vote.Write(writer, MessageKind.Commit));
        history = History.Extend(history, new SequenceNumber(number), batch.Digest);
        foreach (int other in backups)
            Add(number, PartyId.Agreement(other), new Synced(default, new SequenceNumber(number), history).Write);
        Digest[] replies = [.. requests.Select(request => Digest.Of(request.Digest.ToString().Select(c => (byte)c).ToArray()))];
        for (int executor = 0; executor < 2; executor++)
            Add(number, PartyId.Execution(executor), new ExecReport(default, default, new SequenceNumber(number), history, history, replies).Write);
        steps.Add(new Step(number, default, default, 0, Also.Synced));
        steps.Add(new Step(number, default, default, 0, Also.Tick));
        if (number % CheckpointInterval != 0)
            return;
        for (int executor = 0; executor < 2; executor++)
            Add(number, PartyId.Execution(executor), Certify(executor, number, history).Write);
    }

    private void Add(ulong number, PartyId from, Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        steps.Add(new Step(number, from, writer.ToArray(), (MessageKind)writer.Written[0], Also.Nothing));
    }

    private readonly record struct Step(ulong Number, PartyId From, ReadOnlyMemory<byte> Message, MessageKind Kind, Also Also);
}
