namespace ZZFs.Fuse;

/// <summary>A request that waits for its answer. Reused for others afterwards.</summary>
internal sealed class PendingRequest
{
    private CancellationTokenSource interruption = new();
    private ReadOnlyMemory<byte> body;
    private IDisposable? buffer;

    /// <summary>What is asked, by whom.</summary>
    public RequestHeader Header { get; private set; }

    /// <summary>Whether a reply was sent.</summary>
    public bool Replied { get; set; }

    /// <summary>Whether the caller got a signal while it waited.</summary>
    public bool IsInterrupted { get; set; }

    /// <summary>Cancelled when the caller is interrupted.</summary>
    public CancellationToken Cancellation => interruption.Token;

    /// <summary>Takes a new request.</summary>
    public void Start(in RequestHeader header, ReadOnlyMemory<byte> requestBody, IDisposable? requestBuffer)
    {
        Header = header;
        Replied = false;
        IsInterrupted = false;
        body = requestBody;
        buffer = requestBuffer;
    }

    /// <summary>Parses what follows the header.</summary>
    public RequestReader Body() => new(body);

    /// <summary>The caller was interrupted.</summary>
    public void Cancel() => interruption.Cancel();

    /// <summary>Gives the request's memory back; the object can serve another request then.</summary>
    public void Finish()
    {
        buffer?.Dispose();
        buffer = null;
        body = default;
        if (interruption.TryReset())
            return;
        interruption.Dispose();
        interruption = new CancellationTokenSource();
    }
}
