using System.CommandLine;
using System.Reflection;
using ZZFs.Cli.Status;

namespace ZZFs.Cli;

/// <summary><c>zzfs version</c>.</summary>
public static class VersionCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<bool> json = CommonArguments.Json();
        var command = new ExampleCommand("version", "Print which version this is.", "zzfs version --json") { json };
        command.SetAction(result =>
        {
            string full = typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
            string[] parts = full.Split('+', 2);
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                output.Write(JsonOutput.Write(writer =>
                {
                    writer.WriteString("version", parts[0]);
                    writer.WriteString("commit", parts.Length > 1 ? parts[1] : "");
                }));
            }
            else
            {
                output.WriteLine(parts.Length > 1 ? $"zzfs {parts[0]} ({parts[1]})" : $"zzfs {parts[0]}");
            }

            return ExitCode.Success;
        });
        return command;
    }
}
