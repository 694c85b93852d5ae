using System.Globalization;
using System.Text.RegularExpressions;

namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed partial class PostMarkProgramTests(Area area)
{
    [MountedFact("postmark")]
    public void The_original_postmark_runs_without_an_error()
    {
        var (directory, _) = area.NewDirectory("postmark");
        var script = $"set location {directory}\nset number 500\nset transactions 2000\nset size 500 10000\nset subdirectories 5\nrun\nquit\n";

        var outcome = Tool.Run("postmark", [], directory, script);

        outcome.Succeeded();
        Assert.DoesNotContain("Error", outcome.Output + outcome.Errors, StringComparison.Ordinal);
        var created = Created().Match(outcome.Output);
        Assert.True(created.Success, outcome.Output);
        Assert.InRange(int.Parse(created.Groups[1].Value, CultureInfo.InvariantCulture), 1000, 2500);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
    }

    [GeneratedRegex(@"(\d+) created \(")]
    private static partial Regex Created();
}
