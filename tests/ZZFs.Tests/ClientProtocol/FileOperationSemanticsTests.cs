using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace ZZFs.Tests.ClientProtocol;

/// <summary>Names of objects that were made again after a new log incarnation (DESIGN §6: "with identifiers mapped anew").</summary>
public class FileOperationSemanticsTests
{
    private static readonly ObjectId Old = new(5, 1);
    private static readonly ObjectId New = new(9, (7ul << 40) | 1);
    private static readonly byte[] Name = [97];

    private static readonly Attributes Plain = new(ObjectType.File, 0x1a4, 1, 1, 1, 10, 0, default, default, new Timestamp(5), 0, 3);

    private readonly FileOperationSemantics semantics = new();

    [Fact]
    public void Without_repetitions_everything_passes_unchanged()
    {
        ReadOnlyMemory<byte> operation = Encode(new GetAttributes(Old));
        Assert.True(operation.Equals(semantics.ToCluster(operation)));
        var result = new OperationResult { Object = Old };
        Assert.Same(result, semantics.ToClient(result));
    }

    [Fact]
    public void An_object_that_was_made_again_keeps_its_name_above()
    {
        Assert.True(semantics.Repeated(
            new OperationResult { Object = Old, Attributes = Plain },
            new OperationResult { Object = New, Attributes = Plain with { ChangeTime = new Timestamp(9), Change = 1 } }));
        Assert.Equal(new GetAttributes(New), Map(new GetAttributes(Old)));
        Assert.Equal(new Lookup(New, Name), Map(new Lookup(Old, Name)), (one, other) => one is Lookup { Directory: var a } && other is Lookup { Directory: var b } && a == b);
        OperationResult result = semantics.ToClient(new OperationResult
        {
            Object = New,
            SecondObject = New,
            Entries = [new DirectoryEntry(Name, New, Plain), new DirectoryEntry(Name, ObjectId.Root, Plain)],
            Parts = [new OperationResult { Object = New }],
        });
        Assert.Equal((Old, Old, Old), (result.Object, result.SecondObject, result.Parts![0].Object));
        Assert.Equal([Old, ObjectId.Root], result.Entries!.Select(entry => entry.Object));
    }

    [Fact]
    public void Compounds_are_mapped_part_by_part()
    {
        OperationResult Parts(ObjectId id) => new() { Parts = [new OperationResult { Object = id }, OperationResult.Success] };
        Assert.True(semantics.Repeated(Parts(Old), Parts(New)));
        var compound = (Compound)Map(new Compound([new ReadLink(Old), new GetAttributes(ObjectId.Current), new CopyRange(Old, 0, ObjectId.Root, 0, 1)]));
        Assert.Equal([new ReadLink(New), new GetAttributes(ObjectId.Current), new CopyRange(New, 0, ObjectId.Root, 0, 1)], compound.Operations);
        Assert.False(semantics.Repeated(Parts(Old), new OperationResult { Parts = [new OperationResult { Object = New }] }));
    }

    [Fact]
    public void An_object_that_was_made_for_the_third_time_is_the_last_one()
    {
        var third = new ObjectId(9, (8ul << 40) | 1);
        semantics.Repeated(new OperationResult { Object = Old }, new OperationResult { Object = New });
        semantics.Repeated(new OperationResult { Object = Old }, new OperationResult { Object = third });
        Assert.Equal(new GetAttributes(third), Map(new GetAttributes(Old)));
        Assert.Equal(Old, semantics.ToClient(new OperationResult { Object = third }).Object);
    }

    [Fact]
    public void A_result_that_differs_in_anything_but_times_and_names_is_another_one()
    {
        var first = new OperationResult { Number = 1, Data = Name, Attributes = Plain };
        Assert.True(semantics.Repeated(first, first with { Data = (byte[])[97] }));
        Assert.False(semantics.Repeated(first, OperationResult.Failed(Errno.ENOENT)));
        Assert.False(semantics.Repeated(first, first with { Number = 2 }));
        Assert.False(semantics.Repeated(first, first with { Data = (byte[])[98] }));
        Assert.False(semantics.Repeated(first, first with { Attributes = Plain with { SizeBytes = 11 } }));
        Assert.False(semantics.Repeated(first, first with { Object = New }));
    }

    private static ReadOnlyMemory<byte> Encode(Operation operation)
    {
        var writer = new MessageWriter();
        OperationCodec.Encode(Credentials.Superuser, operation, writer);
        return writer.ToArray();
    }

    private Operation Map(Operation operation)
    {
        Assert.True(OperationCodec.TryDecode(semantics.ToCluster(Encode(operation)), out _, out Operation mapped));
        return mapped;
    }
}
