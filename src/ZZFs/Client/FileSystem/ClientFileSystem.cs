using Agreement.Node;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <summary>
/// The file system as the kernel of one client sees it: turns its requests into as few operations as possible, and
/// answers from caches what they can vouch for. Everything runs on the loop's thread.
/// </summary>
/// <remarks>
/// Node numbers, handles and reference counts are those of the FUSE protocol. Methods return an errno instead of
/// throwing; only <see cref="OperationCanceledException"/> leaves them, when the caller's wait was interrupted.
/// </remarks>
public sealed partial class ClientFileSystem
{
    /// <summary>Set-user-ID and set-group-ID.</summary>
    private const ushort SetIdBits = 0xC00;

    private readonly IOperationSubmitter submitter;
    private readonly IEventLoop loop;
    private readonly IKernelCache kernel;
    private readonly CacheOptions options;
    private readonly NodeTable nodes = new();
    private readonly AttributeCache attributeCache;
    private readonly DirectoryCache directoryCache;
    private readonly ContentCache contentCache;
    private readonly DirtyBudget dirtyBudget;
    private readonly HashSet<Node> dirtyNodes = [];
    private readonly Dictionary<ulong, OpenFile> files = [];
    private readonly Dictionary<ulong, DirectoryStream> streams = [];
    private readonly TaskCompletionSource<Exception> broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong lastHandle;
    private bool writeBackScheduled;

    /// <summary>Starts with empty caches.</summary>
    /// <param name="submitter">Executes operations.</param>
    /// <param name="loop">The thread and the clock of everything here.</param>
    /// <param name="kernel">The caches above.</param>
    /// <param name="options">How much to remember.</param>
    public ClientFileSystem(IOperationSubmitter submitter, IEventLoop loop, IKernelCache kernel, CacheOptions options)
    {
        this.submitter = submitter;
        this.loop = loop;
        this.kernel = kernel;
        this.options = options;
        attributeCache = new AttributeCache(options.AttributeEntries, options.AttributeMilliseconds);
        directoryCache = new DirectoryCache(options.NameEntries, options.NameMilliseconds);
        contentCache = new ContentCache(options.WholeFileBytes, options.ContentBytes);
        dirtyBudget = new DirtyBudget(options.DirtyBytes, FlushSoon);
    }

    /// <summary>Operations submitted so far.</summary>
    public ulong OperationsSubmitted { get; private set; }

    /// <summary>Ends with what went wrong if background work found one of our own assumptions broken.</summary>
    public Task<Exception> Broken => broken.Task;

    /// <summary>Nodes that the kernel refers to.</summary>
    public int NodeCount => nodes.Count;

    private long Now => loop.NowMilliseconds;

    /// <summary>Gives back references that the kernel held on a node.</summary>
    public void Forget(ulong nodeId, ulong count) => nodes.Forget(nodeId, count);

    /// <summary>Sends all written data and waits until it is executed; for an orderly end of the mount.</summary>
    public async Task FlushAllAsync()
    {
        foreach (Node node in dirtyNodes.ToArray())
            await FlushAsync(node, CancellationToken.None);
    }

    private static bool OutcomeKnown(Errno error) => error is not (Errno.EINTR or Errno.EIO or Errno.ETIMEDOUT);

    private async ValueTask<OperationResult> SubmitAsync(Credentials caller, Operation operation, CancellationToken cancellation)
    {
        OperationsSubmitted++;
        try
        {
            return await submitter.SubmitAsync(caller, operation, cancellation);
        }
        catch (OperationCanceledException)
        {
            return OperationResult.Failed(Errno.EINTR);
        }
    }

    /// <summary>Lets work go on without anybody waiting for it; a fault of it is a fault of ours.</summary>
    private void InBackground(Task work)
    {
        if (!work.IsCompletedSuccessfully)
            _ = ReportFaultAsync(work);
    }

    private async Task ReportFaultAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            broken.TrySetResult(fault);
        }
    }

    /// <summary>Takes note of an object's attributes in the result of an operation submitted at <paramref name="asOf"/>.</summary>
    private void Learn(ObjectId id, Attributes attributes, long asOf)
    {
        attributeCache.Put(id, attributes, asOf);
        if (attributes.Type == ObjectType.Directory)
            directoryCache.Find(id)?.Observe(attributes.Change, asOf);
        else if (nodes.Find(id) is Node node && node.Chain.Observe(attributes.Change))
            OnForeignChange(node);
    }

    /// <summary>The same for an object that the operation itself changed, by one step of its counter.</summary>
    private void LearnOwn(ObjectId id, Attributes attributes, long asOf)
    {
        if (nodes.Find(id) is Node node && node.Type != ObjectType.Directory)
        {
            node.Chain.Record(attributes.Change - 1, attributes.Change);
            node.Changes++;
        }

        Learn(id, attributes, asOf);
    }

    /// <summary>
    /// Passes on an operation's error. ESTALE says that somebody removed the object: what led here counts no more, so that
    /// the kernel, which then goes the way of names once again, finds what is there now.
    /// </summary>
    private Errno Failed(Node node, Errno error)
    {
        if (error == Errno.ESTALE)
        {
            attributeCache.Remove(node.Id);
            directoryCache.Remove(node.Id);
        }

        return error;
    }

    /// <summary>Somebody else changed a file: nothing that is cached of it counts any more.</summary>
    private void OnForeignChange(Node node)
    {
        contentCache.Remove(node.Id);
        node.ContentVersion++;
        node.PagesStale = true;
        if (node.Opens > 0)
            node.PagesForgotten = ForgetPagesAsync(node, node.ContentVersion);
    }

    private async Task ForgetPagesAsync(Node node, ulong version)
    {
        await kernel.ForgetPagesAsync(node.NodeId);
        if (node.ContentVersion == version)
            node.PagesStale = false;
    }

    /// <summary>An own operation is about to change a node's object, by one step of its counter.</summary>
    private CachedDirectory? BeginChange(Node node)
    {
        node.Changes++;
        if (node.Type != ObjectType.Directory)
        {
            node.Chain.Begin();
            return null;
        }

        CachedDirectory? directory = directoryCache.Find(node.Id);
        directory?.Begin();
        return directory;
    }

    /// <summary>It has ended; <paramref name="directory"/> is what <see cref="BeginChange"/> returned.</summary>
    private void EndChange(Node node, CachedDirectory? directory, OperationResult result, long asOf)
    {
        bool known = OutcomeKnown(result.Error);
        Attributes? after = result.Attributes;
        // The kernel leaves it to us to take these bits away, and would go on to show them.
        if (after is not null && attributeCache.Peek(node.Id) is Attributes before && (before.Mode & ~after.Mode & SetIdBits) != 0)
            kernel.ForgetAttributes(node.NodeId);
        if (after is not null)
            attributeCache.Put(node.Id, after, asOf);
        else if (!known)
            attributeCache.Expire(node.Id);
        if (node.Type == ObjectType.Directory)
        {
            directory?.End(after is null ? null : new DirectoryState(after.Change - 1, after), known, asOf);
            return;
        }

        if (after is not null)
            node.Chain.Record(after.Change - 1, after.Change);
        if (!known)
            node.Chain.RecordUnknown();
        if (node.Chain.End())
            OnForeignChange(node);
    }

    /// <summary>Submits an operation that changes one object, known by a node.</summary>
    private async ValueTask<OperationResult> ChangeAsync(
        Node node, Credentials caller, Operation operation, CancellationToken cancellation)
    {
        long asOf = Now;
        CachedDirectory? directory = BeginChange(node);
        OperationResult result = await SubmitAsync(caller, operation, cancellation);
        EndChange(node, directory, result, asOf);
        return result;
    }

    private long AttributesValid(long asOf) => Math.Max(0, asOf + options.AttributeMilliseconds - Now);

    private long NameValid(long asOf) => Math.Max(0, asOf + options.NameMilliseconds - Now);

    /// <summary>Attributes as the kernel should see them: what is written here and not executed yet counts.</summary>
    private static NodeAttributes Describe(Node node, Attributes attributes, long validMilliseconds)
    {
        if (!node.IsDirty)
            return new NodeAttributes(node.Inode, attributes, validMilliseconds);
        ulong size = Math.Max(attributes.SizeBytes, node.Writes!.End);
        return new NodeAttributes(node.Inode, attributes with { SizeBytes = size }, 0);
    }

    /// <summary>Gives the kernel an entry, and with it one reference on the node.</summary>
    private NodeEntry Enter(Node parent, ObjectId id, Attributes attributes, long attributesValid, long nameValid)
    {
        Node node = nodes.Reference(id, attributes);
        node.ParentInode = parent.Inode;
        return new NodeEntry(node.NodeId, id.Generation, Describe(node, attributes, attributesValid), nameValid);
    }

    private ulong NewHandle() => ++lastHandle;
}
