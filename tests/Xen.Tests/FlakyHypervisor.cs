namespace Xen.Tests;

/// <summary>A guest in name only, whose hypervisor fails as often as it is told to.</summary>
internal sealed class FlakyHypervisor : IHypervisor
{
    private readonly TaskCompletionSource never = new();
    private volatile GuestState state = GuestState.Absent;
    private int failures;

    /// <summary>How many of the next commands fail.</summary>
    public int Failures
    {
        set => Interlocked.Exchange(ref failures, value);
    }

    public string Description => "nothing";

    public GuestState State => state;

    public int? ProcessId => null;

    public Task RemoveLeftoversAsync() => Task.CompletedTask;

    public Task AttachAsync() => Task.CompletedTask;

    public Task<GuestState> CheckAsync() => Task.FromResult(state);

    public Task CreateAsync(bool paused) => Become(GuestState.Running);

    public Task PauseAsync() => Become(GuestState.Paused);

    public Task HibernateAsync(TimeSpan grace) => Become(GuestState.Hibernated);

    public Task ResumeAsync() => Become(GuestState.Running);

    public Task WaitForEndAsync(CancellationToken cancellation) => never.Task.WaitAsync(cancellation);

    public Task DestroyAsync(TimeSpan grace)
    {
        state = GuestState.Absent;
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task Become(GuestState next)
    {
        if (Interlocked.Decrement(ref failures) >= 0)
            throw new HypervisorException("out of order");
        state = next;
        return Task.CompletedTask;
    }
}
