using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Execution;

/// <summary>What a session operation asks for.</summary>
public enum SessionOperationKind : byte
{
    /// <summary>Open a session; the same nonce gives the same session.</summary>
    Open = 1,

    /// <summary>Keep the session alive.</summary>
    Renew = 2,

    /// <summary>End the session and free what it holds.</summary>
    Close = 3,
}

/// <summary>
/// Operations on sessions, which execution handles before the file system sees anything. Results are those of file
/// operations: Error, and for Open the session id as Number and, unless the session is unused, the last executed slotSeq of
/// each slot (8 bytes each) as Data.
/// </summary>
/// <remarks>Layout: kind (1), then for Open: nonce (16), slots (2).</remarks>
public readonly record struct SessionOperation(SessionOperationKind Kind, UInt128 Nonce, ushort Slots)
{
    /// <summary>File operations have codes from here up.</summary>
    public const byte FirstFileOperation = 16;

    /// <summary>
    /// The error of every request in a session that is not open (any more). The file system itself never gives it.
    /// </summary>
    public const Errno SessionEnded = Errno.ETIMEDOUT;

    /// <summary>Appends the operation.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)Kind);
        if (Kind != SessionOperationKind.Open)
            return;
        writer.WriteUInt64((ulong)Nonce);
        writer.WriteUInt64((ulong)(Nonce >> 64));
        writer.WriteUInt16(Slots);
    }

    /// <summary>Whether the encoded operation is one of these (and not of the file system).</summary>
    public static bool IsSession(ReadOnlySpan<byte> operation) => !operation.IsEmpty && operation[0] < FirstFileOperation;

    /// <summary>The Data of an opening's result; null for a session that was not used.</summary>
    public static ReadOnlyMemory<byte>? EncodeSequences(IReadOnlyList<SessionSlot> slots)
    {
        if (slots.All(slot => slot.Sequence == 0))
            return null;
        var writer = new MessageWriter(slots.Count * sizeof(ulong));
        foreach (SessionSlot slot in slots)
            writer.WriteUInt64(slot.Sequence);
        return writer.ToArray();
    }

    /// <summary>Reads the last executed slotSeq of each slot from an opening's result.</summary>
    public static ulong[] DecodeSequences(OperationResult opened, int slots)
    {
        var sequences = new ulong[slots];
        if (opened.Data is not { } data)
            return sequences;
        var reader = new MessageReader(data);
        for (int slot = 0; slot < slots; slot++)
            sequences[slot] = reader.ReadUInt64();
        return sequences;
    }

    /// <summary>Parses an encoded operation.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> operation, out SessionOperation result)
    {
        var reader = new MessageReader(operation);
        var kind = (SessionOperationKind)reader.ReadByte();
        result = new SessionOperation(kind, 0, 0);
        switch (kind)
        {
            case SessionOperationKind.Open:
                ulong low = reader.ReadUInt64();
                ulong high = reader.ReadUInt64();
                result = new SessionOperation(kind, new UInt128(high, low), reader.ReadUInt16());
                return reader.Complete && result.Slots is > 0 and <= Limits.MaximumSlots;
            case SessionOperationKind.Renew:
            case SessionOperationKind.Close:
                return reader.Complete;
            default:
                return false;
        }
    }
}
