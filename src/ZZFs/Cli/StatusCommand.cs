using System.CommandLine;
using Agreement.Configuration;
using ZZFs.Cli.Nodes;
using ZZFs.Cli.Status;

namespace ZZFs.Cli;

/// <summary><c>zzfs status</c>: asks every node and prints what they say.</summary>
public static class StatusCommand
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> directory = CommonArguments.Directory();
        Option<bool> json = CommonArguments.Json();
        var watch = new Option<bool>("--watch") { Description = "Print it every second until interrupted." };
        var command = new ExampleCommand(
            "status",
            $"Print what the nodes say. Returns {ExitCode.NotUp} when too few answer to serve.", $"zzfs status /srv/cluster --json")
        {
            directory, json, watch,
        };
        command.SetAction((result, _) => RunAsync(
            new ClusterLayout(result.GetRequiredValue(directory)), result.GetValue(json), result.GetValue(watch), result.InvocationConfiguration.Output));
        return command;
    }

    private static async Task<int> RunAsync(ClusterLayout layout, bool json, bool watch, TextWriter output)
    {
        ClusterFile cluster = layout.Load();
        using KeyFile key = LoadAnyKey(layout, cluster);
        using var stop = new CancellationTokenSource();
        using var signals = new StopSignals(stop.Cancel);
        try
        {
            while (true)
            {
                ClusterStatus status = await StatusCollector.CollectAsync(cluster, key, stop.Token);
                string text = json ? StatusJson.Format(status) : StatusTable.Format(status);
                if (watch && !json && !Console.IsOutputRedirected)
                    text = "\u001b[H\u001b[2J" + text;
                output.Write(text);
                output.Flush();
                if (!watch)
                    return status.CanServe ? ExitCode.Success : ExitCode.NotUp;
                await Task.Delay(WatchInterval, stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Success;
        }
    }

    /// <summary>The administrator's key, or on a machine that has only a client's, that one.</summary>
    private static KeyFile LoadAnyKey(ClusterLayout layout, ClusterFile cluster)
    {
        if (File.Exists(layout.AdministratorKey))
            return KeyFile.Load(layout.AdministratorKey);
        foreach (PartyEntry party in cluster.Parties)
        {
            if (File.Exists(layout.KeyFile(party.Id)))
                return CommonArguments.LoadKey(cluster, party.Id, layout.KeyFile(party.Id));
        }

        throw new ConfigurationException($"{layout.Directory}: holds no key, so no node would answer");
    }
}
