using System.Runtime.Versioning;
using System.Text.Json;
using ZZFs.Bench;

namespace ZZFs.Tests.Bench;

[SupportedOSPlatform("linux")]
public sealed class AndrewTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_generated_tree_is_as_large_as_the_original_and_the_same_each_time()
    {
        var project = GeneratedProject.Make(42);

        Assert.Equal(20, project.Directories.Count);
        Assert.InRange(project.Files.Count(file => file.Path.EndsWith(".c", StringComparison.Ordinal)), 70, 100);
        Assert.InRange(project.Files.Sum(file => file.Bytes.Length), 150_000, 400_000);
        Assert.Equal(
            project.Files.Select(file => Convert.ToHexString(file.Bytes)),
            GeneratedProject.Make(42).Files.Select(file => Convert.ToHexString(file.Bytes)));
        Assert.NotEqual(project.ExpectedOutput, GeneratedProject.Make(43).ExpectedOutput);
    }

    [Fact]
    public void The_generated_tree_is_copied_built_and_verified()
    {
        var result = Andrew.Run(
            _directory.FullPath, new AndrewOptions { RequireCompiler = true }, new LinuxFileSystem(), false, CancellationToken.None);

        Assert.True(result.Verified, result.FirstMismatch);
        Assert.NotNull(result.Phases.Make);
        Assert.Equal(20, result.Counters.Directories);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Fact]
    public void A_flipped_bit_in_the_copy_is_found()
    {
        var files = GeneratedProject.Make(42).Files.Count;
        var result = Run(new AndrewOptions(), new FaultyFileSystem { WrongWrite = files + 7 });

        Assert.False(result.Verified);
        Assert.Contains("does not hold what its source holds", result.FirstMismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flipped_bit_in_the_source_is_found()
    {
        var result = Run(new AndrewOptions(), new FaultyFileSystem { WrongWrite = 11 });

        Assert.False(result.Verified);
    }

    [Fact]
    public void A_lost_write_is_found_by_its_size()
    {
        var files = GeneratedProject.Make(42).Files.Count;
        var result = Run(new AndrewOptions(), new FaultyFileSystem { LostWrite = files + 7 });

        Assert.False(result.Verified);
        Assert.Contains("has 0 bytes instead of", result.FirstMismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_a_listing_lacks_is_found()
    {
        var result = Run(new AndrewOptions(), new FaultyFileSystem { ShortList = 1 });

        Assert.False(result.Verified);
        Assert.Contains("missing from its directory's listing", result.FirstMismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_output_of_the_built_program_is_found()
    {
        var program = Path.Combine(_directory.FullPath, GeneratedProject.ProgramName);
        File.WriteAllText(program, "#!/bin/sh\necho wrong\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var verification = new Verification();

        AndrewMaker.CheckProgram(_directory.FullPath, GeneratedProject.Make(42).ExpectedOutput, verification, CancellationToken.None);

        Assert.Equal(1, verification.Mismatches);
    }

    [Fact]
    public void A_tree_of_the_users_is_copied_with_links_and_modes_and_built()
    {
        using var tree = new TemporaryDirectory();
        Directory.CreateDirectory(Path.Combine(tree.FullPath, "empty"));
        File.WriteAllText(Path.Combine(tree.FullPath, "one.c"), "int one(void) { return 1; }\n");
        File.WriteAllText(Path.Combine(tree.FullPath, "script"), "#!/bin/sh\n");
        File.SetUnixFileMode(Path.Combine(tree.FullPath, "script"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(tree.FullPath, "link"), "nowhere");

        var result = Andrew.Run(
            _directory.FullPath, new AndrewOptions { Tree = tree.FullPath }, new LinuxFileSystem(), true, CancellationToken.None);

        Assert.True(result.Verified, result.FirstMismatch);
        Assert.Equal(new AndrewCounters(1, 2, 1, 38), result.Counters);
        var copy = Path.Combine(Assert.Single(Directory.EnumerateDirectories(_directory.FullPath)), "copy");
        Assert.True(File.Exists(Path.Combine(copy, "one.o")));
        Assert.Equal("nowhere", new FileInfo(Path.Combine(copy, "link")).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(copy, "script")));
    }

    [Fact]
    public void A_tree_that_holds_the_target_is_refused()
    {
        var inside = Directory.CreateDirectory(Path.Combine(_directory.FullPath, "inside")).FullName;
        File.WriteAllText(Path.Combine(_directory.FullPath, "file"), "x");

        Assert.Throws<BenchException>(
            () => Andrew.Run(inside, new AndrewOptions { Tree = _directory.FullPath }, new LinuxFileSystem(), false, CancellationToken.None));
    }

    [Fact]
    public void A_tree_without_files_is_refused()
    {
        using var tree = new TemporaryDirectory();

        Assert.Throws<BenchException>(() => Run(new AndrewOptions { Tree = tree.FullPath }, new LinuxFileSystem()));
    }

    [Fact]
    public void Without_a_compiler_make_is_left_out_said_in_the_report_and_null_in_json()
    {
        var result = Run(new AndrewOptions(), new LinuxFileSystem());

        Assert.True(result.Verified);
        Assert.Equal(result.Seconds, result.Phases.MakeDir + result.Phases.Copy + result.Phases.ScanDir + result.Phases.ReadAll, 9);
        Assert.Contains("skipped: there is no C compiler", BenchReport.Text(result), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(BenchJson.Text(result));
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("phases").GetProperty("make").ValueKind);
    }

    [Fact]
    public void A_required_compiler_that_is_missing_is_said_in_one_sentence()
    {
        var failure = Assert.Throws<BenchException>(() => Run(new AndrewOptions { RequireCompiler = true }, new LinuxFileSystem()));

        Assert.Contains("install gcc", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_build_that_fails_is_a_finding()
    {
        using var tree = new TemporaryDirectory();
        File.WriteAllText(Path.Combine(tree.FullPath, "broken.c"), "int broken(void) { return }\n");

        var result = Andrew.Run(
            _directory.FullPath, new AndrewOptions { Tree = tree.FullPath }, new LinuxFileSystem(), false, CancellationToken.None);

        Assert.False(result.Verified);
        Assert.StartsWith("cc failed", result.FirstMismatch, StringComparison.Ordinal);
    }

    // Without Make, which takes long and says nothing about the other phases.
    private AndrewResult Run(AndrewOptions options, IBenchFileSystem files) =>
        Andrew.Run(_directory.FullPath, options, files, null, false, CancellationToken.None);
}
