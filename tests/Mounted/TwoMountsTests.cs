namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed class TwoMountsTests(Area area)
{
    [MountedFact]
    public void What_was_written_and_closed_at_one_mount_is_read_after_opening_at_the_other()
    {
        var (first, second) = area.NewDirectory("close-to-open");
        File.WriteAllText(Path.Combine(first, "file"), "");
        for (var round = 0; round < 100; round++)
        {
            var (writer, reader) = round % 2 == 0 ? (first, second) : (second, first);
            var text = new string((char)('a' + (round % 26)), 1 + (round * 97 % 9000));
            File.WriteAllText(Path.Combine(writer, "file"), text);
            Assert.Equal(text, File.ReadAllText(Path.Combine(reader, "file")));
        }
    }

    [MountedFact]
    public void Appends_alternate_between_the_mounts()
    {
        var (first, second) = area.NewDirectory("append");
        var expected = "";
        for (var round = 0; round < 60; round++)
        {
            File.AppendAllText(Path.Combine(round % 2 == 0 ? first : second, "log"), $"line {round}\n");
            expected += $"line {round}\n";
        }

        Assert.Equal(expected, File.ReadAllText(Path.Combine(first, "log")));
        Assert.Equal(expected, File.ReadAllText(Path.Combine(second, "log")));
    }

    [MountedFact]
    public async Task Names_that_come_move_and_go_at_one_mount_do_so_at_the_other()
    {
        var (first, second) = area.NewDirectory("names");
        File.WriteAllText(Path.Combine(first, "old"), "text");
        Directory.CreateDirectory(Path.Combine(first, "folder"));
        await Eventually.Holds(() => Names(second) is ["folder", "old"], Area.CacheAge, "the second mount lists what the first made");

        File.Move(Path.Combine(second, "old"), Path.Combine(second, "folder", "new"));
        await Eventually.Holds(() => Names(first) is ["folder"] && File.Exists(Path.Combine(first, "folder/new")), Area.CacheAge, "the first mount sees the move");
        Assert.Equal("text", File.ReadAllText(Path.Combine(first, "folder/new")));

        Directory.Delete(Path.Combine(first, "folder"), recursive: true);
        await Eventually.Holds(() => Names(second) is [], Area.CacheAge, "the second mount sees the deletion");
    }

    [MountedFact("flock")]
    public async Task A_lock_held_at_one_mount_keeps_the_other_out_until_it_is_released()
    {
        var (first, second) = area.NewDirectory("flock");
        var release = Path.Combine(Directory.CreateTempSubdirectory("zzfs-flock-").FullName, "release");
        Tool.Run("mkfifo", [release]).Succeeded();
        try
        {
            File.WriteAllText(Path.Combine(first, "lock"), "");
            using var holder = Tool.Start("flock", ["lock", "sh", "-c", $"echo held; read line < {release}"], first);
            await Eventually.Holds(() => holder.OutputSoFar == "held\n", TimeSpan.FromSeconds(30), "the lock is taken");

            Assert.Equal(1, Tool.Run("flock", ["-n", "lock", "true"], second).ExitCode);
            Assert.Equal(1, Tool.Run("flock", ["-n", "-s", "lock", "true"], second).ExitCode);

            using var waiter = Tool.Start("flock", ["lock", "echo", "mine"], second);
            Assert.False(waiter.HasExited);
            File.WriteAllText(release, "go\n");
            holder.Wait().Succeeded();
            Assert.Equal("mine\n", waiter.Wait().Succeeded());
            Tool.Run("flock", ["-n", "lock", "true"], second).Succeeded();
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(release)!, recursive: true);
        }
    }

    [MountedFact("flock")]
    public async Task A_lock_goes_away_with_its_killed_holder()
    {
        var (first, second) = area.NewDirectory("flock");
        File.WriteAllText(Path.Combine(first, "lock"), "");
        using var holder = Tool.Start("flock", ["lock", "sh", "-c", "echo held; exec tail -f /dev/null"], first);
        await Eventually.Holds(() => holder.OutputSoFar == "held\n", TimeSpan.FromSeconds(30), "the lock is taken");

        holder.Kill();

        Tool.Run("flock", ["-w", "30", "lock", "true"], second).Succeeded();
    }

    private static string[] Names(string directory) =>
        [.. Directory.EnumerateFileSystemEntries(directory).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];
}
