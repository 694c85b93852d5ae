using Agreement.Messages;

namespace ZZFs.Abstraction;

/// <summary>
/// Room for the data in the result of one request. All parts of a compound share it, from whichever version they read, so that
/// no result outgrows a reply and none overwrites another.
/// </summary>
internal sealed class ResultData
{
    private readonly byte[] buffer = new byte[Limits.MaximumTransferBytes];
    private int used;

    /// <summary>Bytes that are left.</summary>
    public int Room => buffer.Length - used;

    /// <summary>A request begins: what was handed out belongs to nobody any more.</summary>
    public void Clear() => used = 0;

    /// <summary>Room for so many bytes; null when that is too much.</summary>
    public Memory<byte>? Take(int count)
    {
        if (count > Room)
            return null;
        Memory<byte> taken = buffer.AsMemory(used, count);
        used += count;
        return taken;
    }

    /// <summary>Accounts for bytes that are kept elsewhere, as far as there is room.</summary>
    public void Spend(int count) => used += Math.Min(count, Room);
}
