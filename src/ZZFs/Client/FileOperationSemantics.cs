using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Execution;

namespace ZZFs.Client;

/// <summary>
/// File operations whose objects were made again after a new log incarnation: a repeated create gives another ObjectId, and
/// the caches and the kernel above keep the first one for the rest of the session's life (DESIGN §6).
/// </summary>
public sealed class FileOperationSemantics : IOperationSemantics
{
    private readonly Dictionary<ObjectId, ObjectId> toCluster = [];
    private readonly Dictionary<ObjectId, ObjectId> toClient = [];
    private readonly MessageWriter writer = new(4096);

    /// <inheritdoc/>
    public bool OnlyReads(ReadOnlyMemory<byte> operation) => OperationTraits.OnlyReads(operation);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> ToCluster(ReadOnlyMemory<byte> operation)
    {
        if (toCluster.Count == 0 || !OperationCodec.TryDecode(operation, out Credentials caller, out Operation decoded))
            return operation;
        writer.Clear();
        OperationCodec.Encode(caller, Map(decoded), writer);
        return writer.ToArray();
    }

    /// <inheritdoc/>
    public OperationResult ToClient(OperationResult result) => toClient.Count == 0 ? result : result with
    {
        Object = Known(result.Object),
        SecondObject = Known(result.SecondObject),
        Entries = result.Entries?.Select(entry => entry with { Object = Known(entry.Object)!.Value }).ToArray(),
        Parts = result.Parts?.Select(ToClient).ToArray(),
    };

    /// <inheritdoc/>
    public bool Repeated(OperationResult first, OperationResult second)
    {
        bool objects = Learn(first.Object, second.Object) & Learn(first.SecondObject, second.SecondObject);
        return IsSame(first, second) & objects & LearnParts(first.Parts, second.Parts);
    }

    // What is told of the directory serves caches, and other clients may change it in between.
    private static bool IsSame(OperationResult first, OperationResult second) =>
        first.Error == second.Error
        && first.Number == second.Number
        && first.EndOfData == second.EndOfData
        && (first.Data is null) == (second.Data is null)
        && first.Data.GetValueOrDefault().Span.SequenceEqual(second.Data.GetValueOrDefault().Span)
        && first.Conflict == second.Conflict
        && WithoutTimes(first.Attributes) == WithoutTimes(second.Attributes);

    private static Attributes? WithoutTimes(Attributes? attributes) => attributes is null ? null : attributes with
    {
        AccessTime = default,
        ModifyTime = default,
        ChangeTime = default,
        Change = 0,
    };

    private bool LearnParts(IReadOnlyList<OperationResult>? first, IReadOnlyList<OperationResult>? second)
    {
        if (first is null || second is null)
            return first is null == second is null;
        bool same = first.Count == second.Count;
        for (int i = 0; i < Math.Min(first.Count, second.Count); i++)
            same &= Repeated(first[i], second[i]);
        return same;
    }

    private bool Learn(ObjectId? first, ObjectId? second)
    {
        if (first is not { } known || second is not { } now)
            return first is null == second is null;
        if (known == now)
        {
            toCluster.Remove(known);
            return true;
        }

        toCluster[known] = now;
        toClient[now] = known;
        return true;
    }

    private ObjectId Now(ObjectId id) => toCluster.GetValueOrDefault(id, id);

    private ObjectId? Known(ObjectId? id) => id is { } now ? toClient.GetValueOrDefault(now, now) : null;

    private Operation Map(Operation operation) => operation switch
    {
        Compound o => new Compound([.. o.Operations.Select(Map)]),
        Lookup o => o with { Directory = Now(o.Directory) },
        Create o => o with { Directory = Now(o.Directory) },
        MakeDirectory o => o with { Directory = Now(o.Directory) },
        MakeSymlink o => o with { Directory = Now(o.Directory) },
        MakeNode o => o with { Directory = Now(o.Directory) },
        Link o => o with { Object = Now(o.Object), Directory = Now(o.Directory) },
        Unlink o => o with { Directory = Now(o.Directory) },
        RemoveDirectory o => o with { Directory = Now(o.Directory) },
        Rename o => o with { SourceDirectory = Now(o.SourceDirectory), TargetDirectory = Now(o.TargetDirectory) },
        ReadDirectory o => o with { Directory = Now(o.Directory) },
        CopyRange o => o with { Source = Now(o.Source), Target = Now(o.Target) },
        _ => MapObject(operation),
    };

    private Operation MapObject(Operation operation) => operation switch
    {
        GetAttributes o => o with { Object = Now(o.Object) },
        SetAttributes o => o with { Object = Now(o.Object) },
        CheckAccess o => o with { Object = Now(o.Object) },
        ReadLink o => o with { Object = Now(o.Object) },
        Read o => o with { Object = Now(o.Object) },
        Write o => o with { Object = Now(o.Object) },
        Sync o => o with { Object = Now(o.Object) },
        GetXattr o => o with { Object = Now(o.Object) },
        SetXattr o => o with { Object = Now(o.Object) },
        ListXattrs o => o with { Object = Now(o.Object) },
        RemoveXattr o => o with { Object = Now(o.Object) },
        Allocate o => o with { Object = Now(o.Object) },
        Seek o => o with { Object = Now(o.Object) },
        SetLock o => o with { Object = Now(o.Object) },
        TestLock o => o with { Object = Now(o.Object) },
        ReleaseOrphan o => o with { Object = Now(o.Object) },
        _ => operation,
    };
}
