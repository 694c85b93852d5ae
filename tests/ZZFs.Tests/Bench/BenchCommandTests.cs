using System.Text.Json;
using ZZFs.Cli;

namespace ZZFs.Tests.Bench;

public sealed class BenchCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Postmark_takes_its_options_and_prints_json()
    {
        Assert.Equal(
            ExitCode.Success,
            Run("bench", "postmark", "--at", _directory.FullPath, "--files", "20", "--transactions", "50", "--min", "10", "--max", "99", "--seed", "7", "--subdirectories", "3", "--read-bias", "10", "--create-bias", "-1", "--json"));

        using var json = JsonDocument.Parse(_output.ToString());
        Assert.Equal(50, json.RootElement.GetProperty("counters").GetProperty("read").GetInt32());
        Assert.Equal(0, json.RootElement.GetProperty("counters").GetProperty("createdMixed").GetInt32());
        Assert.Equal(3, json.RootElement.GetProperty("parameters").GetProperty("subdirectories").GetInt32());
        Assert.Equal("", _errors.ToString());
    }

    [Fact]
    public void Postmark_prints_a_report_for_people()
    {
        Assert.Equal(ExitCode.Success, Run("bench", "postmark", "--at", _directory.FullPath, "--files", "20", "--transactions", "50"));

        Assert.Contains("no wrong byte", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Andrew_takes_a_tree_and_prints_json()
    {
        using var tree = new TemporaryDirectory();
        File.WriteAllText(Path.Combine(tree.FullPath, "text"), "hello");

        Assert.Equal(ExitCode.Success, Run("bench", "andrew", "--at", _directory.FullPath, "--tree", tree.FullPath, "--json"));

        using var json = JsonDocument.Parse(_output.ToString());
        Assert.Equal(
            ["makeDir", "copy", "scanDir", "readAll", "make"],
            json.RootElement.GetProperty("phases").EnumerateObject().Select(phase => phase.Name));
        Assert.Equal(5, json.RootElement.GetProperty("counters").GetProperty("bytes").GetInt32());
    }

    [Theory]
    [InlineData(ExitCode.Usage, "--at", "bench", "postmark")]
    [InlineData(ExitCode.Usage, "--files", "bench", "postmark", "--at", "/tmp", "--files", "0")]
    [InlineData(ExitCode.Failed, "/nowhere is not a directory", "bench", "postmark", "--at", "/nowhere")]
    [InlineData(ExitCode.Failed, "/nowhere is not a directory", "bench", "andrew", "--at", "/tmp", "--tree", "/nowhere")]
    [InlineData(ExitCode.Usage, "/nowhere is not a directory", "demo", "--at", "/nowhere")]
    [InlineData(ExitCode.Usage, "--transactions", "demo", "--transactions", "0")]
    public void What_is_wrong_is_said_in_one_sentence(int exitCode, string mention, params string[] arguments)
    {
        Assert.Equal(exitCode, Run(arguments));

        Assert.StartsWith("zzfs: ", _errors.ToString(), StringComparison.Ordinal);
        Assert.Contains(mention, _errors.ToString(), StringComparison.Ordinal);
        Assert.Single(_errors.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal("", _output.ToString());
    }

    private int Run(params string[] arguments) => Program.Run(arguments, new ProgramParts(), _output, _errors);
}
