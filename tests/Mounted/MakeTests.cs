using ZZFs.Bench;

namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed class MakeTests(Area area)
{
    [MountedFact("make", "cc")]
    public void A_project_is_built_run_and_rebuilt_no_more_than_it_must()
    {
        var (directory, _) = area.NewDirectory("make");
        var project = GeneratedProject.Make(7);
        foreach (var folder in project.Directories)
        {
            Directory.CreateDirectory(Path.Combine(directory, folder));
        }

        foreach (var (path, bytes) in project.Files)
        {
            File.WriteAllBytes(Path.Combine(directory, path), bytes);
        }

        Tool.Run("make", ["-j2"], directory).Succeeded();
        Assert.Equal(project.ExpectedOutput, Tool.Run("./" + GeneratedProject.ProgramName, [], directory).Succeeded());

        // make decides by times of modification: it must find nothing to do, and after a touch exactly that.
        Assert.Contains("up to date", Tool.Run("make", [], directory).Succeeded(), StringComparison.Ordinal);
        File.SetLastWriteTimeUtc(Path.Combine(directory, "m03/part1.c"), DateTime.UtcNow.AddSeconds(2));
        var commands = Tool.Run("make", ["-n"], directory).Succeeded();
        Assert.Equal(2, commands.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("m03/part1.c", commands, StringComparison.Ordinal);
    }
}
