using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction;

/// <summary>Drives a service with few words: names as text, a user that tests switch, a clock that steps.</summary>
internal sealed class FileServiceDriver
{
    private readonly LocalSubmitter submitter;
    private long now = 1_000;

    public FileServiceDriver(IFileService service)
    {
        Service = service;
        submitter = new LocalSubmitter(service, () => new Timestamp(++now));
    }

    public static ObjectId Root => ObjectId.Root;

    public IFileService Service { get; }

    public Timestamp LastTime => new(now);

    public Credentials User { get; set; } = Credentials.Superuser;

    public ulong Session
    {
        get => submitter.Session.Value;
        set => submitter.Session = new SessionId(value);
    }

    public ulong Incarnation
    {
        set => submitter.Incarnation = new Incarnation(value);
    }

    public ExportEntry Export
    {
        set => submitter.Export = value;
    }

    public static ReadOnlyMemory<byte> Name(string name) => Encoding.UTF8.GetBytes(name);

    public static Credentials Someone(uint uid, params uint[] groups) => new(uid, uid, groups);

    public OperationResult Run(Operation operation) => submitter.Submit(User, operation);

    public OperationResult Must(Operation operation)
    {
        OperationResult result = Run(operation);
        Assert.True(result.Error == Errno.None, Show.Of(operation) + " gave " + result.Error);
        return result;
    }

    public void Fails(Errno expected, Operation operation)
    {
        OperationResult result = Run(operation);
        Assert.True(result.Error == expected, Show.Of(operation) + " gave " + result.Error + " instead of " + expected);
    }

    public ObjectId File(ObjectId directory, string name, ushort mode = 0x1a4) =>
        Must(new Create(directory, Name(name), mode, true)).Object!.Value;

    public ObjectId Directory(ObjectId directory, string name, ushort mode = 0x1ed) =>
        Must(new MakeDirectory(directory, Name(name), mode)).Object!.Value;

    public ObjectId Find(ObjectId directory, string name) => Must(new Lookup(directory, Name(name))).Object!.Value;

    public Attributes Attributes(ObjectId target) => Must(new GetAttributes(target)).Attributes!;

    public Attributes Write(ObjectId file, ulong offset, ReadOnlyMemory<byte> data) =>
        Must(new Write(file, offset, data, false, true)).Attributes!;

    public byte[] Read(ObjectId file, ulong offset, uint count) =>
        Must(new Read(file, offset, count, true)).Data!.Value.ToArray();

    public Operation Chmod(ObjectId target, ushort mode) =>
        new SetAttributes(target, AttributeMask.Mode, mode, 0, 0, 0, default, default, false);

    public Operation Chown(ObjectId target, uint? uid, uint? gid) => new SetAttributes(
        target,
        (uid is null ? 0 : AttributeMask.Uid) | (gid is null ? 0 : AttributeMask.Gid),
        0,
        uid ?? 0,
        gid ?? 0,
        0,
        default,
        default,
        false);

    public Operation Truncate(ObjectId target, ulong size, bool authorized = false) =>
        new SetAttributes(target, AttributeMask.Size, 0, 0, 0, size, default, default, authorized);

    public List<string> List(ObjectId directory, uint page = 1000)
    {
        var names = new List<string>();
        ReadOnlyMemory<byte> after = default;
        while (true)
        {
            OperationResult result = Must(new ReadDirectory(directory, after, page, 1 << 20));
            names.AddRange(result.Entries!.Select(entry => Encoding.UTF8.GetString(entry.Name.Span)));
            if (result.EndOfData)
                return names;
            Assert.NotEmpty(result.Entries!);
            after = result.Entries![^1].Name;
        }
    }

    /// <summary>Takes the checkpoint of that number, or of the next one there can be; its digest doesn't depend on the number.</summary>
    public Digest Checkpoint(ulong number) =>
        Service.TakeCheckpoint(new SequenceNumber(Math.Max(number, Service.LastCheckpoint.Value + 1)), []);
}
