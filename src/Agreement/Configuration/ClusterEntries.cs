using System.Net;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Configuration;

/// <summary>When an agreement replica's log reaches the disk.</summary>
public enum Durability
{
    /// <summary>At least every 50 ms, and when an ordered FSYNC asks.</summary>
    Fsync,

    /// <summary>Before each vote leaves.</summary>
    Always,
}

/// <summary>What an execution replica is in epoch 0.</summary>
public enum InitialRole
{
    /// <summary>It executes.</summary>
    Active,

    /// <summary>Its controller keeps it frozen.</summary>
    Asleep,
}

/// <summary>Whose requests are executed as the anonymous user, in the words of NFS exports.</summary>
public enum Squash
{
    /// <summary>Nobody's.</summary>
    None,

    /// <summary>Those of uid 0.</summary>
    Root,

    /// <summary>Everybody's.</summary>
    All,
}

/// <summary>What every party has in the cluster file.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Keys">Public keys of its messages and links.</param>
/// <param name="Certificate">SHA-256 of its TLS certificate (DER), 32 bytes: pinned by the control plane.</param>
public abstract record PartyEntry(PartyId Id, PartyPublicKeys Keys, ReadOnlyMemory<byte> Certificate);

/// <summary>An agreement replica.</summary>
/// <param name="Id"><c>a0</c> to <c>a{3f}</c>, in this order.</param>
/// <param name="Address">Where it accepts links.</param>
/// <param name="Control">Where it serves the control plane.</param>
/// <param name="Keys">See <see cref="PartyEntry"/>.</param>
/// <param name="Certificate">See <see cref="PartyEntry"/>.</param>
public sealed record AgreementEntry(
    PartyId Id, IPEndPoint Address, IPEndPoint Control, PartyPublicKeys Keys, ReadOnlyMemory<byte> Certificate)
    : PartyEntry(Id, Keys, Certificate);

/// <summary>An execution replica.</summary>
/// <param name="Id"><c>e0</c> to <c>e{2f}</c>, in this order; the controller of the same index runs it.</param>
/// <param name="Address">Where it accepts links.</param>
/// <param name="Control">Where it serves the control plane.</param>
/// <param name="Store">Its backing store.</param>
/// <param name="InitialRole">What it is in epoch 0; exactly f + 1 are active.</param>
/// <param name="Keys">See <see cref="PartyEntry"/>.</param>
/// <param name="Certificate">See <see cref="PartyEntry"/>.</param>
public sealed record ExecutionEntry(
    PartyId Id,
    IPEndPoint Address,
    IPEndPoint Control,
    StoreChoice Store,
    InitialRole InitialRole,
    PartyPublicKeys Keys,
    ReadOnlyMemory<byte> Certificate)
    : PartyEntry(Id, Keys, Certificate);

/// <summary>A hypervisor controller.</summary>
/// <param name="Id"><c>h0</c> to <c>h{2f}</c>, in this order.</param>
/// <param name="Control">Where it serves the control plane.</param>
/// <param name="Hypervisor">What it holds its execution replica with.</param>
/// <param name="Sleep">How that sleeps.</param>
/// <param name="Keys">See <see cref="PartyEntry"/>.</param>
/// <param name="Certificate">See <see cref="PartyEntry"/>.</param>
public sealed record ControllerEntry(
    PartyId Id, IPEndPoint Control, HypervisorChoice Hypervisor, SleepMode Sleep, PartyPublicKeys Keys, ReadOnlyMemory<byte> Certificate)
    : PartyEntry(Id, Keys, Certificate);

/// <summary>What a client may do; every replica applies it.</summary>
/// <param name="ReadOnly">Changes are refused with EROFS.</param>
/// <param name="Squash">Whose requests run as the anonymous user.</param>
/// <param name="AnonymousUid">User id of the anonymous user.</param>
/// <param name="AnonymousGid">Group id of the anonymous user.</param>
/// <param name="Subtree">Absolute path of the directory that the client sees as its root; <c>/</c> is everything.</param>
public sealed record ExportEntry(bool ReadOnly, Squash Squash, uint AnonymousUid, uint AnonymousGid, string Subtree);

/// <summary>A client.</summary>
/// <param name="Id"><c>c0</c>, <c>c1</c> and so on, in this order.</param>
/// <param name="Export">What it may do.</param>
/// <param name="Keys">See <see cref="PartyEntry"/>.</param>
/// <param name="Certificate">See <see cref="PartyEntry"/>.</param>
public sealed record ClientEntry(PartyId Id, ExportEntry Export, PartyPublicKeys Keys, ReadOnlyMemory<byte> Certificate)
    : PartyEntry(Id, Keys, Certificate);

/// <summary>Who owns the root directory of a new volume: whoever made the cluster.</summary>
/// <param name="Uid">User.</param>
/// <param name="Gid">Group.</param>
public sealed record RootOwner(uint Uid, uint Gid);

/// <summary>How much a volume may hold, by the abstract numbers: all replicas refuse alike beyond it.</summary>
/// <param name="Bytes">Most bytes of content.</param>
/// <param name="Objects">Most files, directories and other objects.</param>
public sealed record VolumeSize(ulong Bytes, ulong Objects);
