namespace Xen.Freezing;

/// <summary>A way to hold one process with all its threads.</summary>
internal interface IFreezer
{
    /// <summary>For people.</summary>
    string Name { get; }

    /// <summary>
    /// File that a process writes its own id to before it becomes the guest; null when the freezer needs nothing of the kind.
    /// </summary>
    string? JoinFile { get; }

    /// <summary>Makes ready for a guest; frozen from the start if asked to and possible before there is a process.</summary>
    void Prepare(bool frozen);

    /// <summary>Begins to hold or to let go. A process that is gone is no error.</summary>
    void SetFrozen(int process, bool frozen);

    /// <summary>Whether all of the process is held now.</summary>
    bool IsFrozen(int process);

    /// <summary>Processes that are in the freezer, whoever put them there; empty when it doesn't know.</summary>
    IReadOnlyList<int> Members();

    /// <summary>Clears up behind a guest that has ended. False while the kernel still holds on to it.</summary>
    bool TryRemove();
}
