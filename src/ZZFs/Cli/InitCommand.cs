using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Agreement.Configuration;
using ZZFs.Cli.Status;

namespace ZZFs.Cli;

/// <summary><c>zzfs init</c>: makes keys, certificates and the cluster file.</summary>
public static class InitCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> directory = CommonArguments.Directory();
        var f = new Option<int>("--f") { Description = "How many replicas of each kind may be faulty.", DefaultValueFactory = _ => 1 };
        var clients = new Option<int>("--clients") { Description = "How many client keys to make.", DefaultValueFactory = _ => 4 };
        var store = new Option<string>("--store")
        {
            Description = $"Backing store of the execution replicas: {StoreChoice.Forms}.",
            DefaultValueFactory = _ => StoreChoice.Embedded.ToString(),
        };
        var storeOf = new Option<string[]>("--store-of") { Description = "Backing store of one execution replica, as e1=STORE; may be repeated." };
        var hypervisor = new Option<string>("--hypervisor")
        {
            Description = $"What holds the execution replicas: {HypervisorChoice.Forms}.",
            DefaultValueFactory = _ => HypervisorChoice.Process.ToString(),
        };
        var hypervisorOf = new Option<string[]>("--hypervisor-of") { Description = "What holds one execution replica, as e2=HYPERVISOR; may be repeated." };
        var sleep = new Option<string>("--sleep")
        {
            Description = "paused: sleeping replicas keep their memory and wake fastest; hibernated: they use none.",
            DefaultValueFactory = _ => "paused",
        };
        var durability = new Option<string>("--durability")
        {
            Description = "fsync: logs reach the disk when fsync asks and at least every 50 ms; always: before each vote.",
            DefaultValueFactory = _ => "fsync",
        };
        var interval = new Option<uint>("--checkpoint-interval")
        {
            Description = "Ordered numbers from checkpoint to checkpoint.",
            DefaultValueFactory = _ => ClusterFile.DefaultCheckpointInterval,
        };
        var volumeBytes = new Option<ulong>("--volume-bytes") { Description = "How much the volume may hold.", DefaultValueFactory = _ => new ClusterPlan().VolumeSize.Bytes };
        var volumeObjects = new Option<ulong>("--volume-objects") { Description = "How many files and directories it may hold.", DefaultValueFactory = _ => new ClusterPlan().VolumeSize.Objects };
        var chaos = new Option<bool>("--chaos") { Description = "Let replicas be ordered to misbehave; only for trying out faults." };
        var address = new Option<string[]>("--address")
        {
            Description = "Hosts of the nodes, as HOST or HOST:PORT; nodes take turns on them. Ports count up from PORT.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["127.0.0.1"],
        };
        Option<bool> json = CommonArguments.Json();
        var command = new ExampleCommand("init", "Make a new cluster directory: keys, certificates and the cluster file.", "zzfs init /srv/cluster --f 1 --clients 2")
        {
            directory, f, clients, store, storeOf, hypervisor, hypervisorOf, sleep, durability, interval, volumeBytes, volumeObjects, chaos, address, json,
        };
        command.SetAction(result =>
        {
            var layout = new ClusterLayout(result.GetRequiredValue(directory));
            var plan = new ClusterPlan
            {
                F = result.GetValue(f),
                Clients = result.GetValue(clients),
                Store = StoreArguments.Parse("--store", result.GetRequiredValue(store)),
                StoreOf = StoreArguments.ParseEach("--store-of", result.GetValue(storeOf) ?? []),
                Hypervisor = HypervisorArguments.Parse("--hypervisor", result.GetRequiredValue(hypervisor)),
                HypervisorOf = HypervisorArguments.ParseEach("--hypervisor-of", result.GetValue(hypervisorOf) ?? []),
                Sleep = result.GetRequiredValue(sleep) switch
                {
                    "paused" => SleepMode.Paused,
                    "hibernated" => SleepMode.Hibernated,
                    string other => throw new CommandException(ExitCode.Usage, $"--sleep must be paused or hibernated, not {other}"),
                },
                Durability = result.GetRequiredValue(durability) switch
                {
                    "fsync" => Durability.Fsync,
                    "always" => Durability.Always,
                    string other => throw new CommandException(ExitCode.Usage, $"--durability must be fsync or always, not {other}"),
                },
                CheckpointInterval = result.GetValue(interval),
                VolumeSize = new VolumeSize(result.GetValue(volumeBytes), result.GetValue(volumeObjects)),
                RootOwner = CurrentUser.Owner,
                Chaos = result.GetValue(chaos),
                Hosts = [.. result.GetRequiredValue(address).Select(ParseHost)],
            };
            StoreArguments.Check(plan);
            ClusterFile cluster = ClusterFactory.Create(layout, plan);
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                output.Write(JsonOutput.Write(writer =>
                {
                    writer.WriteString("directory", layout.Directory);
                    writer.WriteString("volume", cluster.Volume.ToString());
                    writer.WriteNumber("f", cluster.F);
                    writer.WriteNumber("agreement", cluster.Agreement.Count);
                    writer.WriteNumber("execution", cluster.Execution.Count);
                    writer.WriteNumber("clients", cluster.Clients.Count);
                }));
                return ExitCode.Success;
            }

            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"Made {layout.Directory}: f = {cluster.F}, {cluster.Agreement.Count} agreement replicas, {cluster.Execution.Count} execution replicas ({cluster.F} asleep), keys for {cluster.Clients.Count} clients."));
            output.WriteLine($"Next: zzfs up {layout.Directory}");
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Names are resolved once, here: the cluster file holds addresses, so that no name server can move a node.</summary>
    private static IPEndPoint ParseHost(string text)
    {
        if (IPAddress.TryParse(text, out IPAddress? address))
            return new IPEndPoint(address, 0);
        if (IPEndPoint.TryParse(text, out IPEndPoint? endpoint))
            return endpoint;
        string[] parts = text.Split(':');
        int port = 0;
        if (parts.Length > 2 || (parts.Length == 2 && (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > IPEndPoint.MaxPort)))
            throw new CommandException(ExitCode.Usage, $"--address must be HOST or HOST:PORT, not {text}");
        try
        {
            return new IPEndPoint(Dns.GetHostAddresses(parts[0]).First(), port);
        }
        catch (Exception error) when (error is SocketException or ArgumentException or InvalidOperationException)
        {
            throw new CommandException(ExitCode.Usage, $"--address: no address is known for {parts[0]}", error);
        }
    }
}
