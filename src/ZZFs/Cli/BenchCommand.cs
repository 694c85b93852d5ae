using System.CommandLine;
using ZZFs.Bench;

namespace ZZFs.Cli;

/// <summary><c>zzfs bench</c>: measures any directory, a mount or not, with PostMark or Andrew.</summary>
public static class BenchCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create() => new("bench", "Measure a directory, on any file system, with every byte checked.")
    {
        CreatePostMark(),
        CreateAndrew(),
    };

    private static Command CreatePostMark()
    {
        var defaults = new PostMarkOptions();
        var common = new CommonOptions();
        var files = Number("--files", "Files before the transactions.", defaults.Files);
        var transactions = Number("--transactions", "Transactions.", defaults.Transactions);
        var minimum = Number("--min", "Smallest size of a new file, in bytes.", defaults.MinimumBytes);
        var maximum = Number("--max", "Bound on a file's size, in bytes.", defaults.MaximumBytes);
        var seed = new Option<ulong>("--seed") { Description = "Seed of choices and contents.", DefaultValueFactory = _ => defaults.Seed };
        var subdirectories = Number("--subdirectories", "Directories to spread the files over.", defaults.Subdirectories);
        var readBias = Number("--read-bias", "Reads in ten of reads and appends; -1 for neither.", defaults.ReadBias);
        var createBias = Number("--create-bias", "Creates in ten of creates and deletes; -1 for neither.", defaults.CreateBias);
        var command = new ExampleCommand(
            "postmark",
            "PostMark 1.5: small short-lived files, as of a mail server.",
            "zzfs bench postmark --at /mnt --transactions 5000 --json")
        {
            common.At, files, transactions, minimum, maximum, seed, subdirectories, readBias, createBias, common.Json, common.Keep,
        };
        command.SetAction(parsed => Guard(parsed, token =>
        {
            var options = new PostMarkOptions
            {
                Files = parsed.GetValue(files),
                Transactions = parsed.GetValue(transactions),
                MinimumBytes = parsed.GetValue(minimum),
                MaximumBytes = parsed.GetValue(maximum),
                Seed = parsed.GetValue(seed),
                Subdirectories = parsed.GetValue(subdirectories),
                ReadBias = parsed.GetValue(readBias),
                CreateBias = parsed.GetValue(createBias),
            };
            if (options.Problem is { } problem)
            {
                throw new CommandException(ExitCode.Usage, problem);
            }

            var result = PostMark.Run(parsed.GetRequiredValue(common.At), options, new LinuxFileSystem(), parsed.GetValue(common.Keep), token);
            return (result.Verified, parsed.GetValue(common.Json) ? BenchJson.Text(result) + "\n" : BenchReport.Text(result));
        }));
        return command;
    }

    private static Command CreateAndrew()
    {
        var defaults = new AndrewOptions();
        var common = new CommonOptions();
        var tree = new Option<string?>("--tree") { Description = "Source tree to copy and build instead of a generated one." };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the generated tree.", DefaultValueFactory = _ => defaults.Seed };
        var requireCompiler = new Option<bool>("--require-compiler") { Description = "Fail rather than leave the Make phase out when there is no C compiler." };
        var command = new ExampleCommand(
            "andrew",
            "The Andrew benchmark: make directories, copy, scan, read and build a source tree.",
            "zzfs bench andrew --at /mnt --json")
        {
            common.At, tree, seed, requireCompiler, common.Json, common.Keep,
        };
        command.SetAction(parsed => Guard(parsed, token =>
        {
            var options = new AndrewOptions
            {
                Tree = parsed.GetValue(tree),
                Seed = parsed.GetValue(seed),
                RequireCompiler = parsed.GetValue(requireCompiler),
            };
            var result = Andrew.Run(parsed.GetRequiredValue(common.At), options, new LinuxFileSystem(), parsed.GetValue(common.Keep), token);
            return (result.Verified, parsed.GetValue(common.Json) ? BenchJson.Text(result) + "\n" : BenchReport.Text(result));
        }));
        return command;
    }

    private static Option<int> Number(string name, string description, int value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };

    private static int Guard(ParseResult parsed, Func<CancellationToken, (bool Verified, string Report)> run)
    {
        using var interruption = new Interruption();
        try
        {
            var (verified, report) = run(interruption.Token);
            parsed.InvocationConfiguration.Output.Write(report);
            return verified ? ExitCode.Success : ExitCode.WrongBytes;
        }
        catch (BenchException failure)
        {
            throw new CommandException(ExitCode.Failed, failure.Message, failure);
        }
        catch (OperationCanceledException)
        {
            throw new CommandException(ExitCode.Interrupted, "interrupted; what the benchmark had made is removed");
        }
    }

    private sealed class CommonOptions
    {
        public Option<string> At { get; } = new("--at") { Description = "Existing directory on the file system to measure.", Required = true };

        public Option<bool> Json { get; } = new("--json") { Description = "Print the result as JSON." };

        public Option<bool> Keep { get; } = new("--keep") { Description = "Leave the working directory in place." };
    }
}
