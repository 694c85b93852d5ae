using System.Diagnostics.CodeAnalysis;
using ZZFs.Abstraction;

namespace ZZFs.Client.FileSystem;

/// <summary>An object that the kernel knows, or that has something under way.</summary>
internal sealed class Node
{
    /// <summary>The kernel's name for it; never used again for another.</summary>
    public required ulong NodeId { get; init; }

    /// <summary>The cluster's name for it.</summary>
    public required ObjectId Id { get; init; }

    /// <summary>What it is.</summary>
    public required ObjectType Type { get; init; }

    /// <summary>References that the kernel holds.</summary>
    public ulong Lookups { get; set; }

    /// <summary>Open descriptors.</summary>
    public int Opens { get; set; }

    /// <summary>For what isn't a directory: tells own changes from foreign ones.</summary>
    public required ChangeChain Chain { get; init; }

    /// <summary>The directory in which it was last seen; the root's own for the root.</summary>
    public ulong ParentInode { get; set; } = 1;

    /// <summary>Written and not yet executed; null until the first write.</summary>
    public WriteBack? Writes { get; set; }

    /// <summary>Counts changes of content, own and foreign: what was fetched under another number is of no use.</summary>
    public ulong ContentVersion { get; set; }

    /// <summary>Whether the kernel may hold pages from before a foreign change.</summary>
    public bool PagesStale { get; set; }

    /// <summary>The kernel is being made to forget pages.</summary>
    public Task PagesForgotten { get; set; } = Task.CompletedTask;

    /// <summary>The last name is gone, or may be: the cluster keeps the object for our descriptors.</summary>
    public bool Orphan { get; set; }

    /// <summary>Counts own changes, from 1, since what happened before we knew the node may need a sync too.</summary>
    public ulong Changes { get; set; } = 1;

    /// <summary>The <see cref="Changes"/> that are known to be durable.</summary>
    public ulong SyncedChanges { get; set; }

    /// <summary>Owners of record locks.</summary>
    public HashSet<ulong> RecordLockOwners { get; } = [];

    /// <summary>Owners of whole-file locks.</summary>
    public HashSet<ulong> FileLockOwners { get; } = [];

    /// <summary>st_ino.</summary>
    public ulong Inode => SnapshotId.InodeOf(Id);

    /// <summary>Whether something written has not been executed yet.</summary>
    public bool IsDirty => Writes is { IsDirty: true };
}

/// <summary>The nodes by both of their names, with the kernel's reference counts.</summary>
internal sealed class NodeTable
{
    private readonly Dictionary<ulong, Node> byNodeId = [];
    private readonly Dictionary<ObjectId, Node> byObject = [];
    private ulong lastNodeId = 1;

    /// <summary>Starts with the root, which is always there.</summary>
    public NodeTable()
    {
        Node root = new() { NodeId = 1, Id = ObjectId.Root, Type = ObjectType.Directory, Lookups = 1, Chain = new ChangeChain(0) };
        byNodeId[root.NodeId] = root;
        byObject[root.Id] = root;
    }

    /// <summary>Nodes known.</summary>
    public int Count => byNodeId.Count;

    /// <summary>Finds a node by the kernel's name.</summary>
    public bool TryGet(ulong nodeId, [NotNullWhen(true)] out Node? node) => byNodeId.TryGetValue(nodeId, out node);

    /// <summary>Finds a node by the cluster's name.</summary>
    public Node? Find(ObjectId id) => byObject.GetValueOrDefault(id);

    /// <summary>Gives the kernel one more reference on the object's node, which is made if need be.</summary>
    public Node Reference(ObjectId id, Attributes attributes)
    {
        if (!byObject.TryGetValue(id, out Node? node))
        {
            node = new Node { NodeId = ++lastNodeId, Id = id, Type = attributes.Type, Chain = new ChangeChain(attributes.Change) };
            byNodeId[node.NodeId] = node;
            byObject[id] = node;
        }

        node.Lookups++;
        return node;
    }

    /// <summary>The kernel gives back references.</summary>
    public void Forget(ulong nodeId, ulong count)
    {
        if (!byNodeId.TryGetValue(nodeId, out Node? node))
            return;
        node.Lookups -= Math.Min(count, node.Lookups);
        DropIfUnused(node);
    }

    /// <summary>Removes a node that nobody refers to and that has nothing under way.</summary>
    public void DropIfUnused(Node node)
    {
        if (node.Lookups > 0 || node.Opens > 0 || node.IsDirty || node.NodeId == 1)
            return;
        byNodeId.Remove(node.NodeId);
        byObject.Remove(node.Id);
    }
}
