namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed class ArchiveTests(Area area) : IDisposable
{
    // Without it rsync takes times within the same second for equal and leaves them.
    private const string Exact = "--modify-window=-1";

    private readonly string _local = Directory.CreateTempSubdirectory("zzfs-archive-").FullName;

    // Not Directory.Delete: the runtime can't name what is no UTF-8.
    public void Dispose() => Tool.Run("rm", ["-rf", _local]).Succeeded();

    [MountedFact("rsync", "setfattr")]
    public void Rsync_copies_a_tree_there_and_back_with_all_its_attributes()
    {
        var (directory, _) = area.NewDirectory("rsync");
        var expected = MakeSource(out var source);
        var back = Directory.CreateDirectory(Path.Combine(_local, "back")).FullName;

        Tool.Run("rsync", ["-aHX", Exact, "--sparse", source + "/", directory + "/copy/"]).Succeeded();
        Assert.Equal(expected, Manifest.Of(directory + "/copy"));
        Assert.Equal("", Tool.Run("rsync", ["-aHXnic", Exact, "--delete", source + "/", directory + "/copy/"]).Succeeded());

        Tool.Run("rsync", ["-aHX", Exact, directory + "/copy/", back + "/"]).Succeeded();
        Assert.Equal(expected, Manifest.Of(back));
    }

    [MountedFact("tar", "setfattr")]
    public void Tar_unpacks_and_packs_a_tree_with_all_its_attributes()
    {
        var (directory, _) = area.NewDirectory("tar");
        var expected = MakeSource(out var source);
        var copy = Directory.CreateDirectory(Path.Combine(directory, "copy")).FullName;
        var back = Directory.CreateDirectory(Path.Combine(_local, "back")).FullName;
        const string Pack = "tar --format=posix --xattrs --xattrs-include='user.*' --numeric-owner -S";

        // The roots' own attributes are not compared, and restoring those of a mount's directory is no part of the test.
        Tool.Shell($"cd \"$1\"; {Pack} -cf \"$3/a.tar\" .; cd \"$2\"; {Pack} -xpf \"$3/a.tar\"", null, [source, copy, directory]).Succeeded();
        Assert.Equal(expected, Manifest.Of(copy));

        Tool.Shell($"cd \"$1\"; {Pack} -cf - . | (cd \"$2\"; {Pack} -xpf -)", null, [copy, back]).Succeeded();
        Assert.Equal(expected, Manifest.Of(back));
    }

    [MountedFact]
    public void The_tree_is_made_directly_and_removed_whole()
    {
        var (directory, second) = area.NewDirectory("tree");

        Manifest.MakeTree(directory);

        Assert.Equal(Manifest.Of(directory), Manifest.Of(second));
        Tool.Shell("rm -rf -- ./* ./...", directory).Succeeded();
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
    }

    private string MakeSource(out string source)
    {
        source = Directory.CreateDirectory(Path.Combine(_local, "source")).FullName;
        Manifest.MakeTree(source);
        Assert.True(Manifest.TryAddAttributes(source), $"{source} has no extended attributes; set TMPDIR to a file system that has.");
        var manifest = Manifest.Of(source);
        Assert.Contains("user.short", manifest, StringComparison.Ordinal);
        return manifest;
    }
}
