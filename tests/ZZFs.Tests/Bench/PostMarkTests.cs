using System.Text.Json;
using ZZFs.Bench;

namespace ZZFs.Tests.Bench;

public sealed class PostMarkTests : IDisposable
{
    private static readonly PostMarkOptions Small = new() { Files = 40, Transactions = 200, MinimumBytes = 500, MaximumBytes = 10000 };

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Counters_add_up_and_everything_is_verified()
    {
        var result = Run(Small, new LinuxFileSystem());

        Assert.True(result.Verified);
        Assert.Equal(0, result.Mismatches);
        Assert.Equal(40, result.Counters.CreatedAlone);
        Assert.Equal(result.Counters.Created, result.Counters.CreatedAlone + result.Counters.CreatedMixed);
        Assert.Equal(result.Counters.Created, result.Counters.Deleted);
        Assert.Equal(result.Counters.Deleted, result.Counters.DeletedAlone + result.Counters.DeletedMixed);
        Assert.InRange(result.Counters.Read, 60, 140);
        Assert.InRange(result.Counters.Appended, 60, 140);
        Assert.Equal(200, result.Counters.CreatedMixed + result.Counters.DeletedMixed);
        Assert.True(result.ComparedBytes > result.Counters.BytesRead);
        Assert.Equal(result.Seconds, result.Phases.Create + result.Phases.Transactions + result.Phases.Delete, 9);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Fact]
    public void One_seed_makes_one_run_and_another_seed_another()
    {
        var first = Run(Small, new LinuxFileSystem()).Counters;

        Assert.Equal(first, Run(Small, new LinuxFileSystem()).Counters);
        Assert.NotEqual(first, Run(Small with { Seed = 43 }, new LinuxFileSystem()).Counters);
    }

    [Fact]
    public void Biases_lock_operations_out()
    {
        var readsOnly = Run(Small with { ReadBias = PostMarkOptions.MaximumBias, CreateBias = PostMarkOptions.LockedOut }, new LinuxFileSystem());

        Assert.Equal(200, readsOnly.Counters.Read);
        Assert.Equal(0, readsOnly.Counters.Appended);
        Assert.Equal(40, readsOnly.Counters.Created);
        Assert.Equal(0, readsOnly.Counters.DeletedMixed);
    }

    [Fact]
    public void A_pool_at_its_bound_creates_no_more()
    {
        var result = Run(Small with { CreateBias = PostMarkOptions.MaximumBias }, new LinuxFileSystem());

        Assert.Equal(80, result.Counters.Created);
        Assert.True(result.Verified);
    }

    [Fact]
    public void Subdirectories_hold_the_files_and_go_away()
    {
        var result = Run(Small with { Subdirectories = 7 }, new LinuxFileSystem());

        Assert.True(result.Verified);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public void A_flipped_bit_in_a_write_is_found(int write)
    {
        var result = Run(Small with { CreateBias = PostMarkOptions.LockedOut }, new FaultyFileSystem { WrongWrite = write });

        Assert.False(result.Verified);
        Assert.Contains("wrong byte at offset", result.FirstMismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_write_is_found()
    {
        var result = Run(Small with { CreateBias = PostMarkOptions.LockedOut }, new FaultyFileSystem { LostWrite = 3 });

        Assert.False(result.Verified);
    }

    [Fact]
    public void A_wrong_read_is_found()
    {
        Assert.False(Run(Small, new FaultyFileSystem { WrongRead = 5 }).Verified);
    }

    [Fact]
    public void A_name_that_the_listing_lacks_is_found()
    {
        var result = Run(Small, new FaultyFileSystem { ShortList = 1 });

        Assert.Equal(1, result.Mismatches);
        Assert.Contains("missing from its directory's listing", result.FirstMismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_outlives_its_deletion_is_found()
    {
        var result = Run(Small, new FaultyFileSystem { LostUnlink = 1 });

        Assert.Equal(1, result.Mismatches);
        Assert.Contains("still listed", result.FirstMismatch, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failing_call_ends_the_run_and_leaves_nothing_behind()
    {
        var failure = Assert.Throws<BenchException>(() => Run(Small, new FaultyFileSystem { FullWrite = 10 }));

        Assert.Contains("No space left", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Fact]
    public void Cancelling_ends_the_run_and_leaves_nothing_behind()
    {
        using var cancellation = new CancellationTokenSource();
        var files = new FaultyFileSystem { OnWrite = write => { if (write == 20) { cancellation.Cancel(); } } };

        Assert.Throws<OperationCanceledException>(() => PostMark.Run(_directory.FullPath, Small, files, false, cancellation.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Fact]
    public void Keeping_leaves_the_working_directory()
    {
        PostMark.Run(_directory.FullPath, Small, new LinuxFileSystem(), true, CancellationToken.None);

        Assert.Single(Directory.EnumerateDirectories(_directory.FullPath));
    }

    [Fact]
    public void An_exhausted_pool_is_said_in_one_sentence()
    {
        var failure = Assert.Throws<BenchException>(() => Run(Small with { CreateBias = 0 }, new LinuxFileSystem()));

        Assert.Contains("ran out of files", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_directory_is_said_in_one_sentence()
    {
        var failure = Assert.Throws<BenchException>(
            () => PostMark.Run(_directory.FullPath + "/none", Small, new LinuxFileSystem(), false, CancellationToken.None));

        Assert.Contains("is not a directory", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Impossible_settings_name_the_option()
    {
        Assert.Contains("--files", (Small with { Files = 0 }).Problem, StringComparison.Ordinal);
        Assert.Contains("--transactions", (Small with { Transactions = 0 }).Problem, StringComparison.Ordinal);
        Assert.Contains("--min", (Small with { MinimumBytes = 0 }).Problem, StringComparison.Ordinal);
        Assert.Contains("--max", (Small with { MaximumBytes = 10 }).Problem, StringComparison.Ordinal);
        Assert.Contains("--subdirectories", (Small with { Subdirectories = -1 }).Problem, StringComparison.Ordinal);
        Assert.Contains("--read-bias", (Small with { ReadBias = 11 }).Problem, StringComparison.Ordinal);
        Assert.Contains("--create-bias", (Small with { CreateBias = -2 }).Problem, StringComparison.Ordinal);
        Assert.Null(Small.Problem);
    }

    [Fact]
    public void The_json_has_the_documented_fields()
    {
        using var json = JsonDocument.Parse(BenchJson.Text(Run(Small, new LinuxFileSystem())));

        Assert.Equal("postmark", json.RootElement.GetProperty("benchmark").GetString());
        Assert.True(json.RootElement.GetProperty("verified").GetBoolean());
        Assert.True(json.RootElement.GetProperty("seconds").GetDouble() > 0);
        Assert.Equal(
            ["create", "transactions", "delete"],
            json.RootElement.GetProperty("phases").EnumerateObject().Select(phase => phase.Name));
        Assert.Equal(40, json.RootElement.GetProperty("parameters").GetProperty("files").GetInt32());
        Assert.Equal(40, json.RootElement.GetProperty("counters").GetProperty("createdAlone").GetInt32());
    }

    private PostMarkResult Run(PostMarkOptions options, IBenchFileSystem files) =>
        PostMark.Run(_directory.FullPath, options, files, false, CancellationToken.None);
}
