using System.Numerics;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// Requests and their bytes, used again after they were dropped, so that taking one allocates nothing once as many were
/// taken before. Who takes one returns it, once, when nothing refers to it any more; one that is not returned is collected.
/// </summary>
internal sealed class RequestArena
{
    private const int SmallestBits = 8;
    private const int LargestBits = 16;

    /// <summary>Memory that is kept for later, in bytes.</summary>
    private const int MaximumKeptBytes = 2 << 20;

    private const int MaximumKeptRequests = 4096;

    private readonly Stack<Request> requests = [];
    private readonly Stack<byte[]>[] buffers = new Stack<byte[]>[LargestBits - SmallestBits + 1];
    private int keptBytes;

    public RequestArena()
    {
        for (int i = 0; i < buffers.Length; i++)
            buffers[i] = new Stack<byte[]>();
    }

    /// <summary>Copies and parses a request.</summary>
    /// <returns>Null when the bytes are no request.</returns>
    public Request? TryTake(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length > Request.OverheadBytes + Limits.MaximumOperationBytes)
            return null;
        byte[] buffer = TakeBuffer(encoded.Length);
        encoded.CopyTo(buffer);
        Request request = requests.Count > 0 ? requests.Pop() : new Request();
        if (request.TryBecome(buffer.AsMemory(0, encoded.Length), buffer))
            return request;
        Return(request);
        return null;
    }

    /// <summary>Nothing refers to the request any more. One that was not taken here is left to the collector.</summary>
    public void Return(Request request)
    {
        if (request.Release() is not { } buffer)
            return;
        if (requests.Count < MaximumKeptRequests)
            requests.Push(request);
        if (buffer.Length <= 1 << LargestBits && keptBytes + buffer.Length <= MaximumKeptBytes)
        {
            keptBytes += buffer.Length;
            buffers[IndexOf(buffer.Length)].Push(buffer);
        }
    }

    private byte[] TakeBuffer(int bytes)
    {
        if (bytes > 1 << LargestBits)
            return new byte[bytes];
        int index = IndexOf(bytes);
        if (!buffers[index].TryPop(out byte[]? buffer))
            return new byte[1 << (SmallestBits + index)];
        keptBytes -= buffer.Length;
        return buffer;
    }

    private static int IndexOf(int bytes) => Math.Max(0, BitOperations.Log2((uint)Math.Max(bytes - 1, 1)) + 1 - SmallestBits);
}
