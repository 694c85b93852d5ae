namespace Xen;

/// <summary>What a guest does.</summary>
public enum GuestState
{
    /// <summary>There is none.</summary>
    Absent,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It is held: it keeps its memory and gets no processor time.</summary>
    Paused,

    /// <summary>What it needs to go on is on disk; it uses neither memory nor processor.</summary>
    Hibernated,
}

/// <summary>The hypervisor, or what stands in for one, failed. The message is one sentence without a full stop.</summary>
public sealed class HypervisorException : Exception
{
    /// <summary>Makes one from its sentence.</summary>
    public HypervisorException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one from its sentence and what caused it.</summary>
    public HypervisorException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

/// <summary>
/// Holds one guest, the home of an execution replica: a virtual machine or a process. One caller at a time; only
/// <see cref="State"/> and <see cref="ProcessId"/> may be read by other threads.
/// </summary>
public interface IHypervisor : IAsyncDisposable
{
    /// <summary>What the guest is and how it is held, for people: the end of a sentence that begins "runs as".</summary>
    string Description { get; }

    /// <summary>What the guest does, as far as is known without asking.</summary>
    GuestState State { get; }

    /// <summary>The process that the guest's processor time and memory are counted in; null while there is none.</summary>
    int? ProcessId { get; }

    /// <summary>
    /// Ends guests of the same name that an earlier controller left behind, frozen ones too, so that no stale replica stays
    /// for ever or comes back to life.
    /// </summary>
    /// <exception cref="HypervisorException">One won't go away.</exception>
    Task RemoveLeftoversAsync();

    /// <summary>
    /// Takes over from an earlier controller: a guest that outlives its controller is found as it is, any other is ended.
    /// </summary>
    /// <exception cref="HypervisorException">It can't be found out, or one won't go away.</exception>
    Task AttachAsync();

    /// <summary>Asks what the guest does, since others may have had their hands on it; <see cref="State"/> then says so.</summary>
    /// <exception cref="HypervisorException">It can't be found out.</exception>
    Task<GuestState> CheckAsync();

    /// <summary>Starts the guest; there must be none.</summary>
    /// <param name="paused">Whether it is held before its program's first instruction.</param>
    /// <exception cref="HypervisorException">It could not be started.</exception>
    Task CreateAsync(bool paused);

    /// <summary>Holds a running guest; returns once that is verified. Holding a paused one does nothing.</summary>
    /// <exception cref="HypervisorException">There is no guest, or it won't be held.</exception>
    Task PauseAsync();

    /// <summary>
    /// Puts what the guest needs to go on on disk and frees its memory. Where memory can't be saved, it is asked to end, and
    /// ended by force after <paramref name="grace"/>. Hibernating a hibernated one does nothing.
    /// </summary>
    /// <exception cref="HypervisorException">There is no guest, or it could not be saved.</exception>
    Task HibernateAsync(TimeSpan grace);

    /// <summary>Lets a paused or hibernated guest go on. Waking a running one does nothing.</summary>
    /// <exception cref="HypervisorException">There is no guest, or it stays held.</exception>
    Task ResumeAsync();

    /// <summary>
    /// Completes when the guest has ended, whoever ended it; at once when there is none. The one member that may be called
    /// while another is at work.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller gave up waiting.</exception>
    Task WaitForEndAsync(CancellationToken cancellation);

    /// <summary>Asks the guest to end, a paused one too, and ends it by force after <paramref name="grace"/>.</summary>
    /// <exception cref="HypervisorException">It won't go away.</exception>
    Task DestroyAsync(TimeSpan grace);
}
