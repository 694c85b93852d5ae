using System.CommandLine;
using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli.Nodes;
using ZZFs.Cli.Status;

namespace ZZFs.Cli;

/// <summary><c>zzfs up</c>: starts the nodes of this machine in the background.</summary>
public static class UpCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> directory = CommonArguments.Directory();
        Option<bool> json = CommonArguments.Json();
        var command = new ExampleCommand("up", "Start the nodes of this machine in the background; return when they answer.", "zzfs up /srv/cluster") { directory, json };
        command.SetAction(async (result, cancellation) =>
        {
            var layout = new ClusterLayout(result.GetRequiredValue(directory));
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var signals = new StopSignals(stop.Cancel);
            IReadOnlyList<PartyId> started;
            try
            {
                started = await new ClusterLauncher(layout).UpAsync(stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                throw new CommandException(ExitCode.Failed, "interrupted, so what was started was stopped again");
            }

            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                output.Write(JsonOutput.Write(writer =>
                {
                    writer.WriteStartArray("started");
                    foreach (PartyId id in started)
                        writer.WriteStringValue(id.ToString());
                    writer.WriteEndArray();
                }));
            }
            else
            {
                output.WriteLine(started.Count == 0 ? $"{layout.Directory} is up already." : $"Started {string.Join(", ", started)}; {layout.Directory} is up.");
            }

            return ExitCode.Success;
        });
        return command;
    }
}
