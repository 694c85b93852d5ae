using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Requests and batches that are used again.</summary>
public class ArenaTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(200)]
    [InlineData(70_000)]
    public void A_request_is_the_same_as_one_that_was_parsed(int bytes)
    {
        var arena = new RequestArena();
        arena.Return(arena.TryTake(Ask(1, 9, bytes: bytes + 1).Encoded.Span)!);
        Request expected = Ask(0, 3, slot: 5, RequestFlags.Sync, bytes);
        Request taken = arena.TryTake(expected.Encoded.Span)!;
        Assert.Equal(expected.Encoded.ToArray(), taken.Encoded.ToArray());
        Assert.Equal(expected.Operation.ToArray(), taken.Operation.ToArray());
        Assert.Equal(
            (expected.Digest, expected.Client, expected.Flags, expected.Session, expected.Slot, expected.SlotSequence),
            (taken.Digest, taken.Client, taken.Flags, taken.Session, taken.Slot, taken.SlotSequence));
    }

    [Fact]
    public void What_was_returned_twice_is_not_lent_twice()
    {
        var arena = new RequestArena();
        Request request = arena.TryTake(Ask(0, 1).Encoded.Span)!;
        arena.Return(request);
        arena.Return(request);
        Assert.NotSame(arena.TryTake(Ask(0, 1).Encoded.Span), arena.TryTake(Ask(0, 2).Encoded.Span));

        var batches = new BatchArena();
        Batch batch = batches.Make(new Timestamp(1), [Digest.Of([1])]);
        batches.Return(batch);
        batches.Return(batch);
        Assert.NotSame(batches.Make(new Timestamp(2), [default]), batches.Make(new Timestamp(3), [default]));
    }

    [Fact]
    public void What_was_not_taken_there_is_not_kept()
    {
        var arena = new RequestArena();
        Request own = Ask(0, 1);
        byte[] bytes = own.Encoded.ToArray();
        arena.Return(own);
        Assert.NotSame(own, arena.TryTake(Ask(0, 2).Encoded.Span));
        Assert.Equal(bytes, own.Encoded.ToArray());
    }

    [Fact]
    public void Bytes_that_are_no_request_are_refused_and_cost_nothing_later()
    {
        var arena = new RequestArena();
        byte[] bytes = Ask(0, 1).Encoded.ToArray();
        Assert.Null(arena.TryTake(bytes.AsSpan(1)));
        Assert.Null(arena.TryTake([]));
        Assert.Null(arena.TryTake(new byte[Request.OverheadBytes + Limits.MaximumOperationBytes + 1]));
        Assert.NotNull(arena.TryTake(bytes));
    }

    [Fact]
    public void A_batch_is_the_same_as_one_that_was_made_anew()
    {
        var arena = new BatchArena();
        arena.Return(arena.Make(new Timestamp(7), [Digest.Of([7]), Digest.Of([8])]));
        Digest[] requests = [Digest.Of([1]), Digest.Of([2])];
        Batch batch = arena.Make(new Timestamp(5), requests);
        Assert.Equal(new Batch(EntryKind.Requests, new Timestamp(5), requests).Digest, batch.Digest);
        Assert.Equal(requests, batch.Requests);
    }
}
