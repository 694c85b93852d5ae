using System.Globalization;
using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli.Nodes;

namespace ZZFs.Cli.Mounting;

/// <summary>
/// Keeps two mounts of this machine from using the same client's keys: the cluster would refuse the second, or each would
/// cut the other off. Held as long as the mount lives; the kernel releases it when the process dies.
/// </summary>
internal sealed class ClientLock : IDisposable
{
    private readonly HeldFile file;

    private ClientLock(PartyId client, HeldFile file)
    {
        Client = client;
        this.file = file;
    }

    /// <summary>Whose keys they are.</summary>
    public PartyId Client { get; }

    /// <summary>Takes <paramref name="wanted"/>, or the first client that is free and whose key is here and readable.</summary>
    /// <exception cref="CommandException">It is in use, or none is free.</exception>
    public static ClientLock Acquire(ClusterLayout layout, ClusterFile cluster, PartyId? wanted, string mountPoint)
    {
        if (wanted is { } client)
        {
            if (cluster.Find(client) is null)
                throw new CommandException(ExitCode.Configuration, $"the cluster has no client {client}");
            return TryAcquire(layout, client, mountPoint)
                ?? throw new CommandException(ExitCode.Mount, $"{client} is in use by {Describe(layout, client)}");
        }

        foreach (ClientEntry entry in cluster.Clients)
        {
            if (File.Exists(layout.KeyFile(entry.Id)) && TryAcquire(layout, entry.Id, mountPoint) is { } free)
                return free;
        }

        throw new CommandException(
            ExitCode.Mount, $"no client key in {layout.Directory} is free for you; zzfs init --clients makes more in a new cluster");
    }

    /// <summary>The mount point that holds <paramref name="client"/>, or null when nobody does.</summary>
    public static string? HeldBy(ClusterLayout layout, PartyId client) =>
        HeldFile.Lines(layout.ClientLock(client)) is [var process, var mountPoint, ..]
        && int.TryParse(process, CultureInfo.InvariantCulture, out int id)
        && HeldFile.IsHeldBy(layout.ClientLock(client), id)
            ? mountPoint
            : null;

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static ClientLock? TryAcquire(ClusterLayout layout, PartyId client, string mountPoint)
    {
        try
        {
            string content = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n{mountPoint}\n");
            return HeldFile.TryHold(layout.ClientLock(client), content) is { } file ? new ClientLock(client, file) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Describe(ClusterLayout layout, PartyId client) =>
        HeldFile.Lines(layout.ClientLock(client)) is [var process, var mountPoint, ..]
            ? $"the mount at {mountPoint} (process {process})"
            : "another process";
}
