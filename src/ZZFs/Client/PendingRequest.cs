using Agreement.Messages;

namespace ZZFs.Client;

/// <summary>One operation on its way: waiting for a slot, or in one.</summary>
public sealed class PendingRequest(ReadOnlyMemory<byte> operation, RequestFlags flags, object? tag)
{
    /// <summary>The encoded operation.</summary>
    public ReadOnlyMemory<byte> Operation { get; } = operation;

    /// <summary>What the order must know.</summary>
    public RequestFlags Flags { get; } = flags;

    /// <summary>The shell's own, handed back at completion.</summary>
    public object? Tag { get; } = tag;

    /// <summary>The signed request, once it has a slot.</summary>
    public Request? Request { get; internal set; }

    /// <summary>When it is sent again, in milliseconds.</summary>
    internal long ResendAt { get; set; }

    /// <summary>How long it then waits, in milliseconds.</summary>
    internal long Patience { get; set; }

    /// <summary>When its full reply was last asked for, in milliseconds; null before.</summary>
    internal long? BodyAskedAt { get; set; }

    /// <summary>The lost change that is submitted again by this; null for what is submitted for the first time.</summary>
    internal UnsyncedOperation? Repeats { get; init; }

    internal ReplyCollector? Collector { get; set; }
}
