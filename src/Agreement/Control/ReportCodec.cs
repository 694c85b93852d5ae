using Agreement.Messages;
using Agreement.Node;
using Google.Protobuf;

namespace Agreement.Control;

/// <summary>Turns reports into messages of the control plane and back. What a peer sends is checked: it may lie.</summary>
internal static class ReportCodec
{
    // Within the bound of a message.
    private const int MaximumFoundBytes = 48 << 10;

    public static Wire.NodeReply Encode(NodeReport report)
    {
        NodeStatus status = report.Status;
        var reply = new Wire.NodeReply
        {
            Id = status.Id.ToString(),
            Role = status.Role,
            View = status.View.Value,
            Epoch = status.Epoch.Value,
            Executed = status.Executed.Value,
            Checkpoint = status.Checkpoint.Value,
            Root = ByteString.CopyFrom(status.Root.ToArray()),
            Complete = status.Complete,
            Store = status.Store,
            Operations = status.Operations,
            Usage = Encode(report.Usage),
        };
        foreach ((string name, ulong count) in status.Counters)
            reply.Counters[name] = count;
        return reply;
    }

    public static Wire.ControllerReply Encode(ControllerReport report)
    {
        ControllerStatus status = report.Status;
        var reply = new Wire.ControllerReply
        {
            Id = status.Id.ToString(),
            Replica = status.Replica.ToString(),
            Role = Word(status.State),
            Usage = Encode(report.Usage),
            ReplicaUsage = report.ReplicaUsage is { } usage ? Encode(usage) : null,
            Restarts = status.Restarts,
            Last = status.Last is { } last ? Encode(last) : null,
            Order = Encode(status.Order),
            ShallRun = status.ShallRun,
        };
        foreach ((string name, ulong count) in status.Counters)
            reply.Counters[name] = count;
        return reply;
    }

    public static Wire.WakeOrder? Encode(WakeOrder? order) =>
        order is { } given ? new Wire.WakeOrder { Epoch = given.Epoch.Value, Wake = given.Kind == OrderKind.Wake } : null;

    public static WakeOrder? Decode(Wire.WakeOrder? order) =>
        order is null ? null : new WakeOrder(new Epoch(order.Epoch), order.Wake ? OrderKind.Wake : OrderKind.Sleep);

    public static Wire.ScrubReply Encode(ScrubStatus status)
    {
        var reply = new Wire.ScrubReply
        {
            Running = status.IsRunning,
            Checkpoint = status.Checkpoint.Value,
            BytesRead = status.BytesRead,
            BytesTotal = status.BytesTotal,
            ObjectsRead = status.ObjectsRead,
            Damages = status.Damages,
        };
        int room = MaximumFoundBytes;
        foreach (string found in status.Found.TakeWhile(found => (room -= found.Length * 4) >= 0))
            reply.Found.Add(found);
        return reply;
    }

    public static ScrubStatus Decode(Wire.ScrubReply reply) => new()
    {
        IsRunning = reply.Running,
        Checkpoint = new SequenceNumber(reply.Checkpoint),
        BytesRead = reply.BytesRead,
        BytesTotal = reply.BytesTotal,
        ObjectsRead = reply.ObjectsRead,
        Damages = reply.Damages,
        Found = [.. reply.Found],
    };

    /// <exception cref="ControlException">The peer sent nonsense.</exception>
    public static NodeReport Decode(Wire.NodeReply reply)
    {
        if (!PartyId.TryParse(reply.Id, out PartyId id) || reply.Root.Length != Digest.SizeBytes || reply.Usage is null)
            throw new ControlException("sent a malformed status");
        var status = new NodeStatus
        {
            Id = id,
            Role = reply.Role,
            View = new View(reply.View),
            Epoch = new Epoch(reply.Epoch),
            Executed = new SequenceNumber(reply.Executed),
            Checkpoint = new SequenceNumber(reply.Checkpoint),
            Root = new Digest(reply.Root.Span),
            Complete = reply.Complete,
            Store = reply.Store,
            Operations = reply.Operations,
            Counters = Decode(reply.Counters),
        };
        return new NodeReport(status, Decode(reply.Usage));
    }

    /// <exception cref="ControlException">The peer sent nonsense.</exception>
    public static ControllerReport Decode(Wire.ControllerReply reply)
    {
        if (!PartyId.TryParse(reply.Id, out PartyId id)
            || !PartyId.TryParse(reply.Replica, out PartyId replica)
            || !TryParse(reply.Role, out ReplicaState state)
            || reply.Usage is null)
        {
            throw new ControlException("sent a malformed status");
        }

        var status = new ControllerStatus
        {
            Id = id,
            Replica = replica,
            State = state,
            ReplicaProcess = reply.ReplicaUsage?.ProcessId,
            Restarts = reply.Restarts,
            Last = reply.Last is null ? null : Decode(reply.Last),
            Order = Decode(reply.Order),
            ShallRun = reply.ShallRun,
            Counters = Decode(reply.Counters),
        };
        return new ControllerReport(status, Decode(reply.Usage), reply.ReplicaUsage is null ? null : Decode(reply.ReplicaUsage));
    }

    /// <summary>The state as the control plane and people write it.</summary>
    public static string Word(ReplicaState state) => state switch
    {
        ReplicaState.Starting => "starting",
        ReplicaState.Active => "active",
        ReplicaState.Asleep => "asleep",
        _ => "down",
    };

    private static bool TryParse(string word, out ReplicaState state)
    {
        foreach (ReplicaState candidate in (ReadOnlySpan<ReplicaState>)[ReplicaState.Starting, ReplicaState.Active, ReplicaState.Asleep, ReplicaState.Down])
        {
            state = candidate;
            if (Word(candidate) == word)
                return true;
        }

        state = default;
        return false;
    }

    private static SortedDictionary<string, ulong> Decode(IEnumerable<KeyValuePair<string, ulong>> counters)
    {
        var sorted = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        foreach ((string name, ulong count) in counters)
            sorted[name] = count;
        return sorted;
    }

    private static Wire.ProcessUsage Encode(ProcessUsage usage) =>
        new() { ProcessId = usage.ProcessId, MemoryBytes = usage.MemoryBytes, CpuSeconds = usage.CpuSeconds };

    private static ProcessUsage Decode(Wire.ProcessUsage usage) => new(usage.ProcessId, usage.MemoryBytes, usage.CpuSeconds);
}
