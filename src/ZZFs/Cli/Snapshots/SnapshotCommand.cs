using System.CommandLine;
using System.Globalization;
using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli.Status;

namespace ZZFs.Cli.Snapshots;

/// <summary><c>zzfs snapshot</c>: lists retained checkpoints, and keeps and drops them by name.</summary>
public static class SnapshotCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("snapshot", "List snapshots, keep them by name, let them go. A mount shows them in .zzfs/snapshot.") { List(), Keep(), Drop() };

    private static ExampleCommand List()
    {
        Argument<string> directory = CommonArguments.Directory();
        Option<bool> json = CommonArguments.Json();
        var command = new ExampleCommand("list", "List the snapshots that there are.", "zzfs snapshot list /srv/cluster") { directory, json };
        command.SetAction(result =>
        {
            IReadOnlyList<Snapshot> snapshots = Run(result.GetRequiredValue(directory), client => client.ListAsync());
            result.InvocationConfiguration.Output.Write(result.GetValue(json) ? AsJson(snapshots) : AsTable(snapshots));
            return ExitCode.Success;
        });
        return command;
    }

    private static ExampleCommand Keep()
    {
        Argument<string> directory = CommonArguments.Directory();
        var name = new Argument<string>("NAME") { Description = "Any file name that is no number." };
        var number = new Option<ulong?>("--number") { Description = "Keep this snapshot; otherwise a new one is taken." };
        var command = new ExampleCommand("keep", "Keep a snapshot by a name.", "zzfs snapshot keep /srv/cluster before-upgrade") { directory, name, number };
        command.SetAction(result =>
        {
            string wanted = result.GetRequiredValue(name);
            ulong kept = Run(result.GetRequiredValue(directory), client => client.KeepAsync(wanted, result.GetValue(number)));
            result.InvocationConfiguration.Output.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"Snapshot {kept} is kept as {wanted}; a mount has it in .zzfs/snapshot/{kept}."));
            return ExitCode.Success;
        });
        return command;
    }

    private static ExampleCommand Drop()
    {
        Argument<string> directory = CommonArguments.Directory();
        var name = new Argument<string>("NAME") { Description = "The name by which it is kept." };
        var command = new ExampleCommand("drop", "Let go of a snapshot that is kept by a name.", "zzfs snapshot drop /srv/cluster before-upgrade") { directory, name };
        command.SetAction(result =>
        {
            string wanted = result.GetRequiredValue(name);
            Run(result.GetRequiredValue(directory), async client =>
            {
                await client.DropAsync(wanted);
                return 0;
            });
            result.InvocationConfiguration.Output.WriteLine($"{wanted} is let go.");
            return ExitCode.Success;
        });
        return command;
    }

    private static T Run<T>(string directory, Func<SnapshotClient, Task<T>> use) =>
        ClusterSession.Run(new ClusterLayout(directory), "zzfs snapshot", submitter => use(new SnapshotClient(submitter)));

    private static string AsTable(IReadOnlyList<Snapshot> snapshots)
    {
        if (snapshots.Count == 0)
            return "There is no snapshot yet.\n";
        var rows = new List<string[]> { new[] { "number", "taken", "kept as" } };
        foreach (Snapshot snapshot in snapshots)
            rows.Add([snapshot.Number.ToString(CultureInfo.InvariantCulture), TimeOf(snapshot.Taken), string.Join(", ", snapshot.Names.Select(Printable))]);
        return TextTable.Format(rows);
    }

    private static string AsJson(IReadOnlyList<Snapshot> snapshots) => JsonOutput.Write(writer =>
    {
        writer.WriteStartArray("snapshots");
        foreach (Snapshot snapshot in snapshots)
        {
            writer.WriteStartObject();
            writer.WriteNumber("number", snapshot.Number);
            writer.WriteString("taken", TimeOf(snapshot.Taken));
            writer.WriteStartArray("names");
            foreach (string name in snapshot.Names)
                writer.WriteStringValue(name);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    // Names may hold anything, and this goes to a terminal.
    private static string Printable(string name) => string.Concat(name.Select(one => char.IsControl(one) ? '?' : one));

    private static string TimeOf(Timestamp time) =>
        DateTimeOffset.UnixEpoch.AddTicks(time.Nanoseconds / TimeSpan.NanosecondsPerTick).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
