using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// What a wrapper over a retained version answers, for the hidden directory of snapshots.
public sealed partial class ConformanceWrapper
{
    private Timestamp checkpointTime;

    internal Attributes AttributesOfRoot() => objects.Load(ObjectId.Root.Index).ToAttributes() with { ChangeTime = checkpointTime };

    /// <summary>Reads an object of the version that this wrapper was made for; null for an operation that would change it.</summary>
    internal OperationResult? ReadAs(in OperationContext context, Caller caller, Operation operation, uint index)
    {
        this.context = context;
        this.caller = caller;
        current = null;
        exportRoot = null;
        if (objects.Place(index) is not { Type: not ObjectType.Null } record)
            return Failed(Errno.ESTALE);
        ObjectId id = record.Id;
        OperationResult? result = operation switch
        {
            Operations.Lookup o => Lookup(o with { Directory = id }),
            Operations.GetAttributes => Described(record),
            Operations.CheckAccess o => (o.Permissions & (byte)Permission.Write) != 0 ? Failed(Errno.EROFS) : CheckAccess(o with { Object = id }),
            Operations.ReadLink => ReadLink(new ReadLink(id)),
            Operations.Read o => Read(o with { Object = id }),
            Operations.ReadDirectory o => ReadDirectory(o with { Directory = id }),
            Operations.GetXattr o => GetXattr(o with { Object = id }),
            Operations.ListXattrs => ListXattrs(new ListXattrs(id)),
            Operations.Seek o => Seek(o with { Object = id }),
            Sync or Operations.TestLock => OperationResult.Success,
            Operations.SetLock => Failed(Errno.ENOLCK),
            _ => null,
        };
        if (result?.Attributes is { } attributes && index == ObjectId.Root.Index && operation is Operations.GetAttributes or Operations.CheckAccess)
            result = result with { Attributes = attributes with { ChangeTime = checkpointTime } };
        objects.Trim();
        return result;
    }
}
