using System.Diagnostics;
using System.Globalization;

namespace ZZFs.Bench;

/// <summary>How a demo ended.</summary>
public enum DemoOutcome
{
    /// <summary>Everything ran and every byte was right.</summary>
    Verified,

    /// <summary>Everything ran, but something that was read was wrong.</summary>
    WrongBytes,

    /// <summary>A step failed; the sentence was printed.</summary>
    Failed,

    /// <summary>It was interrupted.</summary>
    Interrupted,
}

/// <summary>
/// The whole of ZZFs in one go: makes a cluster, mounts it, runs Andrew and PostMark on the mount with every byte
/// checked, tells what each replica did, and takes everything down again, whatever happens in between.
/// </summary>
/// <param name="cluster">The cluster to make and take down.</param>
/// <param name="prerequisites">What the machine has.</param>
/// <param name="postMark">Settings of PostMark.</param>
/// <param name="output">Where the report goes.</param>
/// <param name="errors">Where sentences about failures go.</param>
public sealed class Demo(
    IDemoCluster cluster, DemoPrerequisites prerequisites, PostMarkOptions postMark, TextWriter output, TextWriter errors)
{
    private readonly Stack<(string What, Action Undo)> _undo = new();
    private bool _cleanupFailed;

    /// <summary>Runs it.</summary>
    /// <param name="cancellation">Ends it early; taking down still happens.</param>
    public DemoOutcome Run(CancellationToken cancellation)
    {
        if (prerequisites.Obstacle is { } obstacle)
        {
            Complain(obstacle);
            return DemoOutcome.Failed;
        }

        if (prerequisites.Omission is { } omission)
        {
            output.WriteLine(omission);
        }

        var outcome = RunSteps(cancellation);
        TakeDown();
        return _cleanupFailed && outcome == DemoOutcome.Verified ? DemoOutcome.Failed : outcome;
    }

    private DemoOutcome RunSteps(CancellationToken cancellation)
    {
        try
        {
            Step("Make keys and configuration", cluster.Init, "remove the cluster's files", cluster.Remove, cancellation);
            Step("Start the replicas", cluster.Up, "stop the replicas", cluster.Down, cancellation);
            var mount = "";
            Step("Mount", () => mount = cluster.Mount(), "unmount", cluster.Unmount, cancellation);
            output.WriteLine();

            var before = cluster.Replicas();
            var andrew = Andrew.Run(mount, new AndrewOptions(), new LinuxFileSystem(), false, cancellation);
            output.WriteLine(BenchReport.Text(andrew));
            var mark = PostMark.Run(mount, postMark, new LinuxFileSystem(), false, cancellation);
            output.WriteLine(BenchReport.Text(mark));
            DemoReport.Write(output, before, cluster.Replicas());
            output.WriteLine();
            return andrew.Verified && mark.Verified ? DemoOutcome.Verified : DemoOutcome.WrongBytes;
        }
        catch (BenchException failure) when (!cancellation.IsCancellationRequested)
        {
            Complain(failure.Message);
            return DemoOutcome.Failed;
        }
        catch (Exception stopped) when (stopped is BenchException or OperationCanceledException)
        {
            // Ctrl-C reaches the programs that a step runs, too: their failure is then no news.
            Complain("Interrupted.");
            return DemoOutcome.Interrupted;
        }
    }

    private void Step(string what, Action action, string undoing, Action undo, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();

        // Before the step, not after it: a step that fails half way has left things, too.
        _undo.Push((undoing, undo));
        output.Write($"{what} ... ");
        output.Flush();
        var start = Stopwatch.GetTimestamp();
        try
        {
            action();
        }
        catch
        {
            output.WriteLine("failed");
            throw;
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(start).TotalSeconds:f2} s"));
        cancellation.ThrowIfCancellationRequested();
    }

    private void TakeDown()
    {
        while (_undo.TryPop(out var step))
        {
            try
            {
                step.Undo();
            }
            catch (BenchException failure)
            {
                _cleanupFailed = true;
                Complain($"Could not {step.What}: {failure.Message}");
            }
        }

        if (!_cleanupFailed)
        {
            output.WriteLine("Unmounted, stopped and removed: nothing is left behind.");
        }
    }

    private void Complain(string sentence) => errors.WriteLine($"zzfs: {sentence}");
}
