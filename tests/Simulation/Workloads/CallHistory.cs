using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace Simulation;

/// <summary>
/// Records what clients invoked and were told, and judges it by what replicas executed. The executed order is the candidate
/// for a linearization (Herlihy and Wing, 1990): each call stands in it once, the model gives the same results in it, and
/// a call that returned before another was invoked stands before it.
/// </summary>
internal sealed class CallHistory(Workload workload, bool everythingIsDurable)
{
    private readonly SortedDictionary<ulong, Call> calls = [];
    private readonly List<Call> returned = [];
    private readonly MessageWriter writer = new(256);
    private IReadOnlyList<Executed>? judged;
    private long moments;
    private ulong invoked;

    /// <summary>Operations that clients got answers to.</summary>
    public int Completed => returned.Count;

    /// <summary>Answered operations that a new log incarnation lost and their clients repeated.</summary>
    public int Repeated { get; private set; }

    /// <summary>Clients that died, and send again nothing that was lost.</summary>
    public HashSet<PartyId> Dead { get; } = [];

    /// <summary>A client invokes an operation.</summary>
    public Call Invoke(PartyId client, bool sync, DeterministicRandom random)
    {
        ulong id = ++invoked;
        var call = new Call(id, client, workload.Next(client, id, random), sync) { Invoked = ++moments };
        calls.Add(id, call);
        return call;
    }

    /// <summary>The answer that a client accepted.</summary>
    /// <param name="call">The call.</param>
    /// <param name="result">What the client was told.</param>
    /// <param name="incarnation">For which log incarnation its request was signed.</param>
    /// <param name="random">Chooses what the client makes of it.</param>
    public void Return(Call call, OperationResult result, Incarnation incarnation, DeterministicRandom random)
    {
        call.Returned = ++moments;
        call.Result = result;
        call.Incarnation = incarnation;
        returned.Add(call);
        workload.Learn(call.Client, result, random);
        call.Promised = everythingIsDurable;
        if (!call.Sync || result.Error == Errno.EIO)
            return;

        // What it follows is on disk with it.
        foreach (Call before in returned)
        {
            if (before == call || (before.Returned < call.Invoked && before.Incarnation == incarnation))
                before.Promised = true;
        }
    }

    /// <summary>Judges what clients were told by what a correct replica executed.</summary>
    /// <param name="history">What led to the replica's state.</param>
    /// <param name="unrepeatable">For each client, how many lost changes it found to have another outcome when it repeated them.</param>
    public void Check(IReadOnlyList<Executed> history, Func<PartyId, ulong> unrepeatable)
    {
        if (judged is not null && judged.Count == history.Count && judged.Zip(history).All(pair => pair.First.IsSame(pair.Second)))
            return;
        if (returned.Find(call => call.Result!.Error == Errno.EIO && unrepeatable(call.Client) == 0) is { } failed)
            throw new SimulationFailure($"{failed} failed, though its client lost nothing for good");
        CompareWithModel(history);
        Dictionary<ulong, Executed> executed = FindExecuted(history);
        var changed = new Dictionary<PartyId, ulong>();
        Repeated = 0;
        foreach (Call call in returned)
        {
            if (!executed.TryGetValue(call.Id, out Executed? found))
                CheckMayBeMissing(call);
            else if (!IsAsTold(call, found))
                changed[call.Client] = changed.GetValueOrDefault(call.Client) + 1;
        }

        foreach ((PartyId client, ulong count) in changed)
        {
            if (!Dead.Contains(client) && count > unrepeatable(client))
                throw new SimulationFailure($"{count} answers to {client} are not true any more, and it noticed {unrepeatable(client)}");
            if (!Dead.Contains(client) && !returned.Exists(call => call.Client == client && call.Sync && call.Result!.Error == Errno.EIO))
                throw new SimulationFailure($"{client} found changes lost for good, and no fsync told");
        }

        CheckRealTime(history);
        judged = [.. history];
    }

    private void CompareWithModel(IReadOnlyList<Executed> history)
    {
        foreach ((Executed executed, ReadOnlyMemory<byte> expected) in history.Zip(workload.Replay(history)))
        {
            if (!executed.Result.Span.SequenceEqual(expected.Span))
                throw new SimulationFailure($"operation {workload.FindId(executed.Operation)} has another result than in the model");
        }
    }

    private Dictionary<ulong, Executed> FindExecuted(IReadOnlyList<Executed> history)
    {
        var found = new Dictionary<ulong, Executed>();
        foreach (Executed executed in history)
        {
            if (executed.Operation.IsEmpty || workload.FindId(executed.Operation) is not { } id)
                continue;
            if (!calls.ContainsKey(id))
                throw new SimulationFailure($"operation {id} was executed, but nobody asked for it");

            // A client that learns of a new incarnation asks again for what was under way and only reads.
            bool isReadAgain = found.TryGetValue(id, out Executed? before)
                && before.Context.Incarnation != executed.Context.Incarnation
                && workload.OnlyReads(executed.Operation);
            if (isReadAgain)
                found[id] = executed;
            else if (!found.TryAdd(id, executed))
                throw new SimulationFailure($"{calls[id]} was executed twice, for incarnations {found[id].Context.Incarnation} and {executed.Context.Incarnation}");
        }

        return found;
    }

    private void CheckMayBeMissing(Call call)
    {
        if (call.Promised)
            throw new SimulationFailure($"{call} is lost, though it was told to be durable");
        if (!Dead.Contains(call.Client) && call.Result!.Error == Errno.None && !workload.OnlyReads(call.Operation))
            throw new SimulationFailure($"{call} was answered, and is lost");
    }

    // Whether what the client was told is the outcome; whatever was promised must be.
    private bool IsAsTold(Call call, Executed executed)
    {
        if (call.Promised && executed.Context.Incarnation != call.Incarnation)
            throw new SimulationFailure($"{call} was lost and repeated, though it was told to be durable");

        // The operation happened, but something before it did not: the answer promises nothing, and says so.
        if (call.Sync && call.Result!.Error == Errno.EIO)
            return true;
        Invariant.That(OperationCodec.TryDecodeResult(executed.Result, out OperationResult outcome));
        bool isMoved = executed.Context.Incarnation != call.Incarnation;
        Repeated += isMoved ? 1 : 0;
        bool same = call.Incarnation.Value == 0 && !isMoved
            ? Encode(call.Result!).SequenceEqual(executed.Result.Span)
            : workload.TellTheSame(call.Result!, outcome);
        if (!same && !isMoved)
            throw new SimulationFailure($"{call} was answered in incarnation {call.Incarnation} with another result than it had: {call.Result}, not {outcome}");
        return same;
    }

    private ReadOnlySpan<byte> Encode(OperationResult result)
    {
        writer.Clear();
        OperationCodec.EncodeResult(result, writer);
        return writer.Written;
    }

    // What a new incarnation lost and a client repeated stands where it was repeated.
    private void CheckRealTime(IReadOnlyList<Executed> history)
    {
        Call? latest = null;
        foreach (Executed executed in history)
        {
            if (executed.Operation.IsEmpty || workload.FindId(executed.Operation) is not { } id)
                continue;
            Call call = calls[id];
            if (call.Returned > 0 && call.Incarnation != executed.Context.Incarnation)
                continue;
            if (latest is not null && call.Returned > 0 && call.Returned < latest.Invoked)
                throw new SimulationFailure($"{call} returned before {latest} was invoked, and stands after it");
            if (latest is null || call.Invoked > latest.Invoked)
                latest = call;
        }
    }
}
