using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Tests.Client;

/// <summary>A client file system over plain memory, with the kernel's part played by the test.</summary>
internal sealed class ClientScene : IKernelCache
{
    public static readonly Credentials User = new(1000, 1000, []);

    private readonly ITestVolume volume;

    public ClientScene(CacheOptions? options = null, ITestVolume? volume = null)
    {
        this.volume = volume ?? Files;
        Submitter = new MemorySubmitter(this.volume);
        Client = new ClientFileSystem(Submitter, Loop, this, options ?? new CacheOptions());
    }

    public ManualLoop Loop { get; } = new();

    public MemoryFileSystem Files { get; } = new();

    public MemorySubmitter Submitter { get; }

    public ClientFileSystem Client { get; }

    public List<ulong> AttributesForgotten { get; } = [];

    public List<ulong> PagesForgotten { get; } = [];

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public void ForgetAttributes(ulong nodeId) => AttributesForgotten.Add(nodeId);

    public Task ForgetPagesAsync(ulong nodeId)
    {
        PagesForgotten.Add(nodeId);
        return Task.CompletedTask;
    }

    /// <summary>Operations submitted while <paramref name="action"/> ran.</summary>
    public IReadOnlyList<Operation> Operations(Action action)
    {
        int before = Submitter.Submitted.Count;
        action();
        return Submitter.Submitted[before..];
    }

    /// <summary>Another client does something.</summary>
    public OperationResult Foreign(Operation operation) => volume.Execute(Credentials.Superuser, operation);

    public Outcome<NodeEntry> Lookup(ulong parent, string name) =>
        Loop.Await(() => Client.LookupAsync(User, parent, Bytes(name), default));

    public ulong MakeDirectory(ulong parent, string name) =>
        Must(Loop.Await(() => Client.MakeDirectoryAsync(User, parent, Bytes(name), 0x1ED, default))).NodeId;

    public CreatedFile Create(ulong parent, string name, OpenFlags flags = OpenFlags.ReadWrite) =>
        Must(Loop.Await(() => Client.CreateAsync(User, parent, Bytes(name), 0x1A4, flags, default)));

    public OpenedFile Open(ulong node, OpenFlags flags = OpenFlags.ReadOnly) =>
        Must(Loop.Await(() => Client.OpenAsync(User, node, flags, default)));

    public Errno Write(ulong handle, ulong offset, byte[] data) =>
        Loop.Await(() => Client.WriteAsync(handle, offset, data, default)).Error;

    public string Read(ulong handle, ulong offset = 0, uint count = 4096) =>
        Encoding.UTF8.GetString(Must(Loop.Await(() => Client.ReadAsync(handle, offset, count, default))).Span);

    public Attributes Stat(ulong node) =>
        Must(Loop.Await(() => Client.GetAttributesAsync(User, node, default))).Attributes;

    public Errno Close(ulong handle)
    {
        Errno flushed = Loop.Await(() => Client.FlushAsync(User, handle, 0, default));
        Assert.Equal(Errno.None, Loop.Await(() => Client.ReleaseAsync(User, handle, 0, LockRelease.None, default)));
        return flushed;
    }

    public Errno Sync(ulong handle) => Loop.Await(() => Client.SyncAsync(User, handle, default));

    /// <summary>Creates a file with content and closes it.</summary>
    public ulong MakeFile(ulong parent, string name, string content)
    {
        CreatedFile created = Create(parent, name);
        Assert.Equal(Errno.None, Write(created.File.Handle, 0, Bytes(content)));
        Assert.Equal(Errno.None, Close(created.File.Handle));
        return created.Entry.NodeId;
    }

    private static T Must<T>(Outcome<T> outcome)
    {
        Assert.Equal(Errno.None, outcome.Error);
        return outcome.Value;
    }
}
