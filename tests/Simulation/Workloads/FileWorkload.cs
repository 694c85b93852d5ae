using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;
using ZZFs.Execution;
using ZZFs.Tests.Abstraction.Model;
using ZZFs.Tests.Stores;

namespace Simulation;

/// <summary>
/// File operations of all clients in one small tree: the production conformance wrapper executes them, the plain model
/// judges.
/// </summary>
/// <remarks>A call's number is the caller's only group, which a superuser's rights do not depend on.</remarks>
internal sealed class FileWorkload : Workload
{
    /// <summary>Objects that a client remembers, to name them in operations.</summary>
    private const int Remembered = 8;

    private static readonly string[] Names = ["a", "b", "c", "d", "e"];
    private static readonly VolumeLimits Limits = new(1 << 20, 64, 64);

    private readonly Dictionary<PartyId, List<(ObjectId Id, bool IsDirectory)>> known = [];
    private readonly MessageWriter writer = new(256);

    public override IFileService MakeService() => new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), Limits);

    public override IOperationSemantics MakeSemantics() => new FileOperationSemantics();

    public override ReadOnlyMemory<byte> Next(PartyId client, ulong id, DeterministicRandom random)
    {
        writer.Clear();
        OperationCodec.Encode(new Credentials(0, 0, [(uint)id]), MakeUp(Known(client), id, random), writer);
        return writer.ToArray();
    }

    public override void Learn(PartyId client, OperationResult result, DeterministicRandom random)
    {
        if (result.Error != Errno.None || result is not { Object: { } id, Attributes: { } attributes })
            return;
        List<(ObjectId, bool)> mine = Known(client);
        (ObjectId, bool) learned = (id, attributes.Type == ObjectType.Directory);
        if (mine.Contains(learned))
            return;
        if (mine.Count < Remembered)
            mine.Add(learned);
        else
            mine[random.Next(mine.Count)] = learned;
    }

    public override ulong? FindId(ReadOnlyMemory<byte> operation) =>
        OperationCodec.TryDecode(operation, out Credentials caller, out _) && caller.Groups is [uint id] ? id : null;

    public override IEnumerable<ReadOnlyMemory<byte>> Replay(IEnumerable<Executed> history)
    {
        var model = new ModelFileSystem(Limits);
        var output = new MessageWriter(256);
        foreach (Executed executed in history)
        {
            if (executed.Operation.IsEmpty)
            {
                model.EndSession(executed.Context.Session.Value);
                yield return default;
                continue;
            }

            output.Clear();
            model.Incarnation = executed.Context.Incarnation.Value;
            OperationCodec.EncodeResult(
                OperationCodec.TryDecode(executed.Operation, out _, out Operation operation)
                    ? model.Execute(executed.Context.Now.Nanoseconds, executed.Context.Session.Value, operation)
                    : OperationResult.Failed(Errno.EPROTO),
                output);
            yield return output.ToArray();
        }
    }

    public override bool OnlyReads(ReadOnlyMemory<byte> operation) => OperationTraits.OnlyReads(operation);

    public override bool TellTheSame(OperationResult one, OperationResult other) =>
        one.Error == other.Error
        && one.Number == other.Number
        && one.EndOfData == other.EndOfData
        && one.Data.GetValueOrDefault().Span.SequenceEqual(other.Data.GetValueOrDefault().Span)
        && Timeless(one.Attributes) == Timeless(other.Attributes)
        && Listing(one).SequenceEqual(Listing(other));

    private static Attributes? Timeless(Attributes? attributes) =>
        attributes is null ? null : attributes with { AccessTime = default, ModifyTime = default, ChangeTime = default, Change = 0 };

    private static IEnumerable<string> Listing(OperationResult result) =>
        result.Entries?.Select(entry => $"{Encoding.UTF8.GetString(entry.Name.Span)} {Timeless(entry.Attributes)}") ?? [];

    private static Operation MakeUp(List<(ObjectId Id, bool IsDirectory)> mine, ulong id, DeterministicRandom random)
    {
        return random.Next(20) switch
        {
            0 or 1 or 2 => new Create(Directory(), Name(), 0x1a4, random.Next(2) == 0),
            3 or 4 or 5 => new Write(Something(), (ulong)random.Next(60), Data(), random.Next(3) == 0, true),
            6 or 7 or 8 => new Read(Something(), (ulong)random.Next(40), 100, true),
            9 => new Rename(Directory(), Name(), Directory(), Name(), (RenameMode)random.Next(3), false),
            10 => new Unlink(Directory(), Name(), random.Next(4) == 0),
            11 => new MakeDirectory(Directory(), Name(), 0x1ed),
            12 => new RemoveDirectory(Directory(), Name()),
            13 => new Link(Something(), Directory(), Name()),
            14 => new SetAttributes(Something(), AttributeMask.Size, 0, 0, 0, (ulong)random.Next(80), default, default, true),
            15 => new ReadDirectory(Directory(), default, 10, 1 << 16),
            16 => new GetAttributes(Something()),
            17 => new Sync(Something()),
            _ => new Lookup(Directory(), Name()),
        };

        ReadOnlyMemory<byte> Name() => Encoding.UTF8.GetBytes(Names[random.Next(Names.Length)]);

        ReadOnlyMemory<byte> Data() => Encoding.UTF8.GetBytes($"<{id}>");

        ObjectId Something() => mine.Count == 0 ? ObjectId.Root : mine[random.Next(mine.Count)].Id;

        ObjectId Directory()
        {
            ObjectId[] directories = [ObjectId.Root, ObjectId.Root, .. mine.Where(one => one.IsDirectory).Select(one => one.Id)];
            return directories[random.Next(directories.Length)];
        }
    }

    private List<(ObjectId Id, bool IsDirectory)> Known(PartyId client)
    {
        if (!known.TryGetValue(client, out List<(ObjectId, bool)>? mine))
            known.Add(client, mine = []);
        return mine;
    }
}
