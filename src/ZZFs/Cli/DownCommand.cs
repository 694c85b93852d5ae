using System.CommandLine;
using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli.Nodes;
using ZZFs.Cli.Status;

namespace ZZFs.Cli;

/// <summary><c>zzfs down</c>: stops the nodes of this machine.</summary>
public static class DownCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> directory = CommonArguments.Directory();
        Option<bool> json = CommonArguments.Json();
        var command = new ExampleCommand("down", "Stop the nodes of this machine, sleeping ones too.", "zzfs down /srv/cluster") { directory, json };
        command.SetAction(async (result, _) =>
        {
            var layout = new ClusterLayout(result.GetRequiredValue(directory));
            IReadOnlyList<PartyId> stopped = await new ClusterLauncher(layout).DownAsync();
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                output.Write(JsonOutput.Write(writer =>
                {
                    writer.WriteStartArray("stopped");
                    foreach (PartyId id in stopped)
                        writer.WriteStringValue(id.ToString());
                    writer.WriteEndArray();
                }));
            }
            else
            {
                output.WriteLine(stopped.Count == 0 ? $"{layout.Directory} was not up." : $"Stopped {string.Join(", ", stopped)}.");
            }

            return ExitCode.Success;
        });
        return command;
    }
}
