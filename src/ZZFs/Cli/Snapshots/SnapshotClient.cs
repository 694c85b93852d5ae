using System.Globalization;
using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace ZZFs.Cli.Snapshots;

/// <summary>A retained checkpoint as a client sees it.</summary>
/// <param name="Number">Its number in the order.</param>
/// <param name="Taken">When it was taken, by the cluster's clock.</param>
/// <param name="Names">The names by which it is kept; without any it goes when two newer ones are there.</param>
internal sealed record Snapshot(ulong Number, Timestamp Taken, IReadOnlyList<string> Names);

/// <summary>Works with the hidden directory of snapshots (<see cref="SnapshotId"/>) through a client's session.</summary>
internal sealed class SnapshotClient(IOperationSubmitter submitter)
{
    private const uint PageEntries = 256;
    private const uint PageBytes = 256 << 10;

    // Each operation is a number of the order, and a checkpoint is due after so many at the latest.
    private const int MaximumNumbersToNext = 100_000;

    /// <summary>All retained checkpoints, in the order of their numbers.</summary>
    public async Task<IReadOnlyList<Snapshot>> ListAsync()
    {
        List<DirectoryEntry> entries = await ReadAllAsync();
        var names = new List<(ulong Number, string Name)>();
        foreach (DirectoryEntry entry in entries.Where(entry => entry.Attributes.Type == ObjectType.Symlink))
            names.Add((SnapshotId.NumberOf(entry.Object), Encoding.UTF8.GetString(entry.Name.Span)));
        return
        [
            .. entries.Where(entry => entry.Attributes.Type == ObjectType.Directory)
                .Select(entry => SnapshotId.NumberOf(entry.Object))
                .Order()
                .Select(number => new Snapshot(
                    number,
                    entries.First(entry => entry.Object == SnapshotId.Of(number, 0)).Attributes.ChangeTime,
                    [.. names.Where(name => name.Number == number).Select(name => name.Name)])),
        ];
    }

    /// <summary>Keeps a checkpoint by a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="number">Which; null for a new one, which holds everything that was acknowledged before this call.</param>
    /// <returns>Which it is.</returns>
    /// <exception cref="CommandException">The cluster refuses.</exception>
    public async Task<ulong> KeepAsync(string name, ulong? number)
    {
        ulong chosen = number ?? await TakeNewAsync();
        await MustAsync(
            new MakeSymlink(SnapshotId.List, Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(chosen.ToString(CultureInfo.InvariantCulture))),
            error => error switch
            {
                Errno.EEXIST => $"a snapshot is kept by the name {name} already",
                Errno.ENOENT => $"there is no snapshot {chosen} any more",
                Errno.EINVAL => $"{name} can't be the name of a snapshot: a number is one already",
                Errno.ENAMETOOLONG => "the name is too long",
                Errno.ENOSPC => $"at most {SnapshotId.MaximumNames} snapshots can be kept by names",
                Errno.EROFS => "this client may only read",
                Errno.EPERM => "this client's root is squashed, and only root may keep snapshots",
                _ => $"the snapshot can't be kept ({error})",
            });
        return chosen;
    }

    /// <summary>Lets go what a name keeps.</summary>
    /// <exception cref="CommandException">The cluster refuses.</exception>
    public Task DropAsync(string name) => MustAsync(
        new Unlink(SnapshotId.List, Encoding.UTF8.GetBytes(name), KeepOrphan: false),
        error => error switch
        {
            Errno.ENOENT => $"no snapshot is kept by the name {name}",
            Errno.EISDIR => $"{name} is kept by no name, and goes by itself",
            Errno.EROFS => "this client may only read",
            Errno.EPERM => "this client's root is squashed, and only root may let snapshots go",
            _ => $"the snapshot can't be let go ({error})",
        });

    /// <summary>Waits for a new checkpoint, which holds everything that was acknowledged before this call, and says which it is.</summary>
    /// <exception cref="CommandException">There comes none.</exception>
    /// <remarks>Anything ordered brings the next checkpoint nearer, and operations that do nothing do no harm.</remarks>
    public async Task<ulong> TakeNewAsync()
    {
        ulong before = await NewestAsync();
        for (int i = 0; i < MaximumNumbersToNext; i++)
        {
            if (await NewestAsync() is var newest && newest > before)
                return newest;
        }

        throw new CommandException(ExitCode.Failed, "the cluster takes no checkpoint");
    }

    private async Task<ulong> NewestAsync() => (await ReadAllAsync()).Select(entry => SnapshotId.NumberOf(entry.Object)).DefaultIfEmpty().Max();

    private async Task<List<DirectoryEntry>> ReadAllAsync()
    {
        var entries = new List<DirectoryEntry>();
        ReadOnlyMemory<byte> after = default;
        while (true)
        {
            OperationResult page = await MustAsync(
                new ReadDirectory(SnapshotId.List, after, PageEntries, PageBytes),
                error => error == Errno.ESTALE ? "this client sees a part of the volume only, and snapshots hold all of it" : $"snapshots can't be listed ({error})");
            entries.AddRange(page.Entries!);
            if (page.EndOfData)
                return entries;
            after = page.Entries![^1].Name;
        }
    }

    private async Task<OperationResult> MustAsync(Operation operation, Func<Errno, string> explain)
    {
        OperationResult result = await submitter.SubmitAsync(Credentials.Superuser, operation, CancellationToken.None);
        return result.Error switch
        {
            Errno.None => result,
            Errno.EIO or Errno.ETIMEDOUT => throw new CommandException(ExitCode.NotUp, "the cluster does not answer"),
            _ => throw new CommandException(ExitCode.Failed, explain(result.Error)),
        };
    }
}
