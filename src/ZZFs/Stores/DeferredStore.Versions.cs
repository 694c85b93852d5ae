using System.Runtime.ExceptionServices;
using Agreement.Messages;

namespace ZZFs.Stores;

// Versions, and the thread of the pool that makes and drops them and catches up with what waited.
public sealed partial class DeferredStore
{
    // Guards what follows, never held for long. Whoever waits for it to change waits here.
    private readonly object gate = new();
    private readonly Queue<Step> steps = new();
    private readonly List<ulong> versions;
    private ulong committed;
    private bool works;
    private ExceptionDispatchInfo? failure;

    // Whether the calling thread wants the store.
    private bool asks;

    private enum StepKind
    {
        Change,
        Commit,
        Drop,
    }

    /// <summary>The numbers of the retained versions, the last of which may be in the making: see <see cref="Harden"/>.</summary>
    public IReadOnlyList<ulong> Versions
    {
        get
        {
            lock (gate)
                return [.. versions];
        }
    }

    /// <inheritdoc/>
    public void Commit(ulong number)
    {
        Defers();
        lock (gate)
        {
            Invariant.That(number > 0 && (versions.Count == 0 || number > versions[^1]));
            versions.Add(number);
        }

        Add(new Step(StepKind.Commit, number, null));
    }

    /// <inheritdoc/>
    public void Harden(ulong number)
    {
        lock (gate)
        {
            while (committed < number && failure is null)
                Monitor.Wait(gate);
            if (committed < number)
                failure!.Throw();
        }
    }

    /// <inheritdoc/>
    public IStoreView OpenVersion(ulong number)
    {
        MustExist(number);
        return store.OpenVersion(number, () => Harden(number));
    }

    /// <inheritdoc/>
    /// <remarks>What the backing system then can't drop is among <see cref="Versions"/> again.</remarks>
    public bool TryDrop(ulong number)
    {
        MustExist(number);
        if (store.IsRead(number))
            return false;
        Defers();
        lock (gate)
            versions.Remove(number);
        Add(new Step(StepKind.Drop, number, null));
        return true;
    }

    /// <inheritdoc/>
    public void Rollback(ulong number)
    {
        if (number > 0)
        {
            MustExist(number);
            Harden(number);
        }

        lock (gate)
        {
            // What leads away from there is not to be done any more, but what was dropped before stays so.
            Step[] kept = [.. steps.Where(step => step.Kind == StepKind.Drop && step.Number < number)];
            steps.Clear();
            foreach (Step step in kept)
                steps.Enqueue(step);
        }

        WaitForWorker();
        Forget();
        failure = null;
        store.Rollback(number);
        versions.RemoveAll(version => version > number);
        committed = number;
    }

    // Whether changes must wait, and reads look at what waits. Once nothing does, the store is the calling thread's again.
    private bool Defers()
    {
        if (!defers || visits > 0)
            return defers;
        lock (gate)
        {
            failure?.Throw();
            if (works)
                return true;
        }

        Forget();
        return false;
    }

    private void Defer(int bytes, Action<IBackingStore> change)
    {
        pendingBytes += bytes + ChangeBytes;
        Add(new Step(StepKind.Change, 0, change));
        if (pendingBytes <= MaximumPendingBytes)
            return;
        Waits++;
        WaitForWorker();
        Defers();
    }

    private void Add(in Step step)
    {
        defers = true;
        lock (gate)
        {
            steps.Enqueue(step);
            if (works || failure is not null)
                return;
            works = true;
        }

        Task.Run(Work);
    }

    private void Forget()
    {
        pending.Clear();
        pendingBytes = 0;
        defers = false;
    }

    private void WaitForWorker()
    {
        lock (gate)
        {
            while (works)
                Monitor.Wait(gate);
        }
    }

    private void Work()
    {
        try
        {
            while (TryTake(out Step step))
                Do(step);
        }
#pragma warning disable CA1031 // Whatever it is, the calling thread throws it.
        catch (Exception error)
#pragma warning restore CA1031
        {
            lock (gate)
            {
                failure = ExceptionDispatchInfo.Capture(error);
                works = false;
                Monitor.PulseAll(gate);
            }
        }
    }

    private bool TryTake(out Step step)
    {
        lock (gate)
        {
            if (steps.TryDequeue(out step))
                return true;
            works = false;
            Monitor.PulseAll(gate);
            return false;
        }
    }

    private void Do(in Step step)
    {
        switch (step.Kind)
        {
            case StepKind.Change:
                LetAskersIn();
                lock (storeGate)
                    step.Change!(store);
                break;
            case StepKind.Commit:
                while (PrepareMore())
                    LetAskersIn();
                store.TakeSnapshot(step.Number);
                lock (gate)
                {
                    committed = step.Number;
                    Monitor.PulseAll(gate);
                }

                break;
            case StepKind.Drop:
                if (store.TryDrop(step.Number))
                    break;
                lock (gate)
                {
                    versions.Add(step.Number);
                    versions.Sort();
                }

                break;
        }
    }

    private bool PrepareMore()
    {
        lock (storeGate)
            return store.PrepareSnapshot();
    }

    // Locks are not fair: without this, whoever is in a loop has it again before another thread is awake.
    private void LetAskersIn()
    {
        var spin = default(SpinWait);
        while (Volatile.Read(ref asks))
            spin.SpinOnce(sleep1Threshold: -1);
    }

    private void MustExist(ulong number)
    {
        lock (gate)
        {
            if (!versions.Contains(number))
                throw new ArgumentException($"there is no version {number}", nameof(number));
        }
    }

    private readonly record struct Step(StepKind Kind, ulong Number, Action<IBackingStore>? Change);
}
