using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Agreement.Node;
using ZZFs.Cli.Nodes;
using ZZFs.Cli.Snapshots;
using ZZFs.Cli.Status;

namespace ZZFs.Cli.Scrubbing;

/// <summary><c>zzfs scrub</c>: has every execution replica that is awake read its store again, and tells what it found.</summary>
public static class ScrubCommand
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(5);
    private const int MaximumAttempts = 5;
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> directory = CommonArguments.Directory();
        Option<bool> json = CommonArguments.Json();
        var command = new ExampleCommand(
            "scrub",
            $"Read every awake replica's store again and compare it with its digests. Returns {ExitCode.Damaged} when something is damaged.",
            "zzfs scrub /srv/cluster")
        {
            directory, json,
        };
        command.SetAction((result, _) => RunAsync(
            new ClusterLayout(result.GetRequiredValue(directory)), result.GetValue(json), result.InvocationConfiguration));
        return command;
    }

    private static async Task<int> RunAsync(ClusterLayout layout, bool json, InvocationConfiguration streams)
    {
        ClusterFile cluster = layout.Load();
        using KeyFile key = KeyFile.Load(layout.AdministratorKey);
        using var stop = new CancellationTokenSource();
        using var signals = new StopSignals(stop.Cancel);

        // What was executed since the last checkpoint is in none, and would not be read.
        ulong newest = ClusterSession.Run(layout, "zzfs scrub", submitter => new SnapshotClient(submitter).TakeNewAsync());
        using var progress = new ScrubProgress(json ? TextWriter.Null : streams.Error);
        Replica[] replicas;
        try
        {
            replicas = await Task.WhenAll(cluster.Execution.Select(entry => ScrubAsync(cluster, entry, newest, key, progress, stop.Token)));
        }
        catch (OperationCanceledException)
        {
            throw new CommandException(ExitCode.Interrupted, "interrupted; what was begun goes on, and the nodes' logs will tell");
        }
        finally
        {
            progress.End();
        }

        streams.Output.Write(json ? AsJson(replicas) : AsText(replicas));
        return replicas.Any(replica => replica.Scrub is { Damages: > 0 }) ? ExitCode.Damaged
            : replicas.Any(replica => replica.Scrub is null && !replica.IsAsleep) ? ExitCode.NotUp
            : ExitCode.Success;
    }

    private static async Task<Replica> ScrubAsync(ClusterFile cluster, ExecutionEntry entry, ulong newest, KeyFile key, ScrubProgress progress, CancellationToken cancellation)
    {
        try
        {
            // The controller first: a frozen replica would accept the connection and never answer.
            using (var controller = new ControlClient(cluster, cluster.Controllers[(int)entry.Id.Index].Id, key.Certificate))
            {
                if ((await controller.GetControllerStatusAsync(Bound, cancellation)).Status.State == ReplicaState.Asleep)
                    return new Replica(entry.Id, IsAsleep: true, null, "asleep, so its store was not read");
            }

            using var client = new ControlClient(cluster, entry.Id, key.Certificate);
            ScrubStatus? status = await ScrubUntilAsync(
                (begin, bound) => client.ScrubAsync(begin, bound, cancellation), new SequenceNumber(newest), running => progress.Show(entry.Id, running), cancellation);
            return new Replica(entry.Id, IsAsleep: false, status, "never read that checkpoint to its end: see its log");
        }
        catch (ControlException failure)
        {
            return new Replica(entry.Id, IsAsleep: false, null, failure.Message);
        }
    }

    /// <summary>
    /// Has a replica read a checkpoint of that number or a later one, to the end. Its answers may tell of a scrub that somebody
    /// else began earlier, or of none at all when it was restarted meanwhile; neither is what was asked for.
    /// </summary>
    /// <returns>How it ended; null when it never did.</returns>
    internal static async Task<ScrubStatus?> ScrubUntilAsync(
        Func<SequenceNumber?, TimeSpan, Task<ScrubStatus>> ask, SequenceNumber newest, Action<ScrubStatus> show, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < MaximumAttempts; attempt++)
        {
            ScrubStatus status = await ask(newest, Bound);
            while (status.IsRunning)
            {
                show(status);
                await Task.Delay(PollInterval, cancellation);
                status = await ask(null, Bound);
            }

            if (status.Checkpoint < newest)
                continue;
            show(status);
            return status;
        }

        return null;
    }

    private static string AsText(Replica[] replicas)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        foreach (Replica replica in replicas)
        {
            if (replica.Scrub is not { } scrub)
            {
                text.WriteLine($"{replica.Id}: {replica.Problem}");
                continue;
            }

            string read = string.Create(
                CultureInfo.InvariantCulture, $"{replica.Id}: checkpoint {scrub.Checkpoint}, {scrub.ObjectsRead} objects, {scrub.BytesRead / 1e6:F1} MB read, ");
            text.WriteLine(read + (scrub.Damages == 0 ? "all as it should be" : string.Create(CultureInfo.InvariantCulture, $"{scrub.Damages} DAMAGED")));
            foreach (string found in scrub.Found)
                text.WriteLine("  " + found);
            if (scrub.Damages > (ulong)scrub.Found.Count)
                text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  and {scrub.Damages - (ulong)scrub.Found.Count} more"));
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    private static string AsJson(Replica[] replicas) => JsonOutput.Write(writer =>
    {
        writer.WriteStartArray("replicas");
        foreach (Replica replica in replicas)
        {
            writer.WriteStartObject();
            writer.WriteString("id", replica.Id.ToString());
            writer.WriteBoolean("scrubbed", replica.Scrub is not null);
            if (replica.Scrub is { } scrub)
                WriteScrub(writer, scrub);
            else
                writer.WriteString("problem", replica.Problem);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private static void WriteScrub(Utf8JsonWriter writer, ScrubStatus scrub)
    {
        writer.WriteNumber("checkpoint", scrub.Checkpoint.Value);
        writer.WriteNumber("objects", scrub.ObjectsRead);
        writer.WriteNumber("bytes", scrub.BytesRead);
        writer.WriteNumber("damages", scrub.Damages);
        writer.WriteStartArray("found");
        foreach (string found in scrub.Found)
            writer.WriteStringValue(found);
        writer.WriteEndArray();
    }

    private sealed record Replica(PartyId Id, bool IsAsleep, ScrubStatus? Scrub, string Problem);
}
