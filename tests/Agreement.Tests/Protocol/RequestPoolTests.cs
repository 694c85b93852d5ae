using System.Runtime.CompilerServices;
using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>The pool's bounds hold in memory too, whatever a client does (DESIGN §4).</summary>
public class RequestPoolTests
{
    // A client may send one request to backups only: it waits there until it expires.
    [Fact]
    public void A_request_that_is_done_is_free_though_an_older_one_of_its_client_still_waits()
    {
        var pool = new RequestPool(1, new Quorum(1), new ReplicaOptions(), new RequestArena());
        Assert.True(pool.TryAdd(Ask(0, 1, slot: 1), 0, out _, out _));
        WeakReference done = OrderAndRelease(pool);
        GC.Collect();
        Assert.False(done.IsAlive);
        Assert.Equal((1, 1), (pool.Waiting, pool.Held));
        GC.KeepAlive(pool);
    }

    [Fact]
    public void A_body_stays_as_long_as_some_batch_refers_to_it()
    {
        var pool = new RequestPool(1, new Quorum(1), new ReplicaOptions(), new RequestArena());
        Request request = Ask(0, 1);
        pool.TryAdd(request, 0, out _, out _);
        pool.Reference(request.Digest, 0);
        pool.Reference(request.Digest, 0);
        pool.Release(request.Digest);
        pool.Discard(request.Digest);
        Assert.NotNull(pool.Find(request.Digest));
        pool.Release(request.Digest);
        Assert.Null(pool.Find(request.Digest));
        pool.Release(request.Digest);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference OrderAndRelease(RequestPool pool)
    {
        Request request = Ask(0, 1);
        Assert.True(pool.TryAdd(request, 0, out _, out _));
        pool.Reference(request.Digest, 0);
        pool.Release(request.Digest);
        return new WeakReference(request);
    }
}
