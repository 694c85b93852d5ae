using Agreement.Messages;

namespace ZZFs.Execution;

/// <summary>
/// Request bodies that wait for their place in the order. Clients send them ahead; what is missing when its turn comes is
/// fetched from agreement replicas. Bounded per client: the oldest go first, since they can be fetched.
/// </summary>
public sealed class BodyCache(int clients)
{
    /// <summary>Bodies of one client that are kept, in number and bytes.</summary>
    private const int MaximumRequests = 512;

    private const long MaximumBytes = 24L << 20;

    private readonly Dictionary<Digest, Request> bodies = [];
    private readonly Queue<Request>[] arrivals = [.. Enumerable.Range(0, clients).Select(_ => new Queue<Request>())];
    private readonly long[] bytes = new long[clients];

    /// <summary>The body, if it is here.</summary>
    public Request? Find(in Digest digest) => bodies.TryGetValue(digest, out Request? request) ? request : null;

    /// <summary>Keeps a body.</summary>
    /// <returns>False for a client that the cluster does not know.</returns>
    public bool Add(Request request)
    {
        uint client = request.Client.Index;
        if (client >= (uint)arrivals.Length)
            return false;
        if (!bodies.TryAdd(request.Digest, request))
            return true;
        arrivals[client].Enqueue(request);
        bytes[client] += request.Encoded.Length;
        Trim(client);
        return true;
    }

    /// <summary>Drops a body that was executed.</summary>
    public void Remove(Request request)
    {
        if (bodies.Remove(request.Digest))
            bytes[request.Client.Index] -= request.Encoded.Length;
    }

    private void Trim(uint client)
    {
        Queue<Request> queue = arrivals[client];
        while (queue.TryPeek(out Request? oldest)
            && (!bodies.ContainsKey(oldest.Digest) || queue.Count > MaximumRequests || bytes[client] > MaximumBytes))
        {
            queue.Dequeue();
            Remove(oldest);
        }
    }
}
