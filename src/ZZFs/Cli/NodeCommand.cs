using System.CommandLine;
using Agreement.Messages;
using ZZFs.Cli.Nodes;

namespace ZZFs.Cli;

/// <summary><c>zzfs node agreement|execution|hypervisor</c>: runs one node in the foreground.</summary>
public static class NodeCommand
{
    /// <summary>The command.</summary>
    public static Command Create(ProgramParts parts)
    {
        var command = new ExampleCommand("node", "Run one node in the foreground until SIGTERM or SIGINT.", "zzfs node agreement --config /srv/cluster/a0/node.json");
        command.Subcommands.Add(CreateKind("agreement", "Run an agreement replica.", "a0", PartyRole.Agreement, parts));
        command.Subcommands.Add(CreateKind("execution", "Run an execution replica.", "e0", PartyRole.Execution, parts));
        command.Subcommands.Add(CreateKind("hypervisor", "Run the controller of an execution replica, which it starts.", "h0", PartyRole.Controller, parts));
        return command;
    }

    private static Command CreateKind(string name, string description, string example, PartyRole role, ProgramParts parts)
    {
        var config = new Option<string>("--config") { Description = "The node file.", Required = true };
        var command = new ExampleCommand(name, $"{description}", $"zzfs node {name} --config /srv/cluster/{example}/node.json") { config };
        command.SetAction(result =>
        {
            NodeProcess.Run(parts, role, result.GetRequiredValue(config), result.InvocationConfiguration.Output);
            return ExitCode.Success;
        });
        return command;
    }
}
