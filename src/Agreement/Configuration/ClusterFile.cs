using System.Net;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Configuration;

/// <summary>
/// Who belongs to a cluster: every party's public keys and addresses and the settings that all replicas must share. It
/// holds no secret, and all parties have the same copy. An instance obeys every rule of <see cref="ClusterFileReader"/>.
/// </summary>
public sealed record ClusterFile
{
    /// <summary>Version of the format, the file's field <c>version</c>.</summary>
    public const ulong FormatVersion = 1;

    /// <summary>Default distance of checkpoints, in ordered numbers.</summary>
    public const uint DefaultCheckpointInterval = 512;

    /// <summary>Most clients of one cluster.</summary>
    public const int MaximumClients = 4096;

    /// <summary>The volume that this cluster serves.</summary>
    public required VolumeId Volume { get; init; }

    /// <summary>How many agreement replicas, and how many execution replicas, may be faulty; 1 to <see cref="Limits.MaximumFaults"/>.</summary>
    public required int F { get; init; }

    /// <summary>When logs reach the disk.</summary>
    public Durability Durability { get; init; } = Durability.Fsync;

    /// <summary>Every how many ordered numbers a checkpoint is taken.</summary>
    public uint CheckpointInterval { get; init; } = DefaultCheckpointInterval;

    /// <summary>Whether replicas obey orders to misbehave; for trying out faults, never for data that matters.</summary>
    public bool Chaos { get; init; }

    /// <summary>How much the volume may hold.</summary>
    public required VolumeSize VolumeSize { get; init; }

    /// <summary>Who owns the root directory.</summary>
    public required RootOwner RootOwner { get; init; }

    /// <summary>SHA-256 of the TLS certificate (DER) of who runs the cluster, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> Administrator { get; init; }

    /// <summary>The 3f + 1 agreement replicas, by index.</summary>
    public required IReadOnlyList<AgreementEntry> Agreement { get; init; }

    /// <summary>The 2f + 1 execution replicas, by index.</summary>
    public required IReadOnlyList<ExecutionEntry> Execution { get; init; }

    /// <summary>The controllers, one for each execution replica, by index.</summary>
    public required IReadOnlyList<ControllerEntry> Controllers { get; init; }

    /// <summary>The clients, by index.</summary>
    public required IReadOnlyList<ClientEntry> Clients { get; init; }

    /// <summary>Everybody.</summary>
    public IEnumerable<PartyEntry> Parties => [.. Agreement, .. Execution, .. Controllers, .. Clients];

    /// <summary>Reads and checks a cluster file.</summary>
    /// <exception cref="ConfigurationException">It can't be read or breaks a rule.</exception>
    public static ClusterFile Load(string path) => ClusterFileReader.Read(path, ConfigurationFiles.ReadAll(path));

    /// <summary>The entry of a party, or null.</summary>
    public PartyEntry? Find(PartyId party) => party.Role switch
    {
        PartyRole.Agreement => At(Agreement, party.Index),
        PartyRole.Execution => At(Execution, party.Index),
        PartyRole.Controller => At(Controllers, party.Index),
        PartyRole.Client => At(Clients, party.Index),
        _ => null,
    };

    /// <summary>Where a replica accepts links; null for parties that don't.</summary>
    public IPEndPoint? AddressOf(PartyId party) => Find(party) switch
    {
        AgreementEntry entry => entry.Address,
        ExecutionEntry entry => entry.Address,
        _ => null,
    };

    /// <summary>Where a party serves the control plane; null for parties that don't.</summary>
    public IPEndPoint? ControlOf(PartyId party) => Find(party) switch
    {
        AgreementEntry entry => entry.Control,
        ExecutionEntry entry => entry.Control,
        ControllerEntry entry => entry.Control,
        _ => null,
    };

    /// <summary>Mask of the execution replicas that are active in epoch 0.</summary>
    public uint InitiallyActive()
    {
        uint mask = 0;
        foreach (ExecutionEntry entry in Execution)
        {
            if (entry.InitialRole == InitialRole.Active)
                mask |= 1u << (int)entry.Id.Index;
        }

        return mask;
    }

    /// <summary>Public keys of every party, as links need them.</summary>
    public IReadOnlyDictionary<PartyId, PartyPublicKeys> PublicKeys()
    {
        var keys = new SortedDictionary<PartyId, PartyPublicKeys>();
        foreach (PartyEntry party in Parties)
            keys.Add(party.Id, party.Keys);
        return keys;
    }

    private static PartyEntry? At<T>(IReadOnlyList<T> entries, uint index)
        where T : PartyEntry
        => index < (uint)entries.Count ? entries[(int)index] : null;
}
