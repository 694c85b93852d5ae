using Agreement.Messages;
using Agreement.Node;

namespace Xen;

/// <summary>
/// The file in which a controller keeps its highest order with the votes behind it. It is believed only as far as the
/// signatures go, so nobody who can write to the disk gains an order by it.
/// </summary>
/// <remarks>
/// Layout: the line <c>zzfs order 1</c>, count (4), for each vote: length (4) and the message. Nothing guards against torn
/// writes or rot but what must be checked anyway.
/// </remarks>
public sealed class OrderFile
{
    private const int MaximumVoteBytes = 256;

    private readonly string path;

    /// <summary>For the file <paramref name="path"/>, which need not exist; its folder must.</summary>
    public OrderFile(string path) => this.path = path;

    private static ReadOnlySpan<byte> Header => "zzfs order 1\n"u8;

    /// <summary>Hands the file's votes to a decision that has no order yet.</summary>
    /// <returns>What is wrong with the file, as a sentence without a full stop; null when it was good or there is none.</returns>
    public string? Load(WakeDecision decision)
    {
        try
        {
            if (!File.Exists(path))
                return null;
            return TryParse(ReadBounded(), out List<ReadOnlyMemory<byte>> votes) && decision.Take(votes)
                ? null
                : $"{path} is damaged or forged";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"{path} can't be read ({error.Message.TrimEnd('.')})";
        }
    }

    /// <summary>Replaces the file; returns when the new one is on disk. At every moment one of the two is there whole.</summary>
    /// <exception cref="IOException">The disk refuses; the former file is there.</exception>
    public void Save(IReadOnlyList<ReadOnlyMemory<byte>> votes)
    {
        var writer = new MessageWriter();
        writer.WriteRaw(Header);
        writer.WriteUInt32((uint)votes.Count);
        foreach (ReadOnlyMemory<byte> vote in votes)
            writer.WriteBytes(vote.Span);
        try
        {
            DurableFile.Replace(path, writer.Written);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    private static bool TryParse(ReadOnlyMemory<byte> bytes, out List<ReadOnlyMemory<byte>> votes)
    {
        votes = [];
        if (!bytes.Span.StartsWith(Header))
            return false;
        var reader = new MessageReader(bytes[Header.Length..]);
        int count = reader.ReadCount(Limits.MaximumVotesPerCall);
        for (int i = 0; i < count; i++)
            votes.Add(reader.ReadBytes(MaximumVoteBytes));
        return reader.Complete;
    }

    private byte[] ReadBounded()
    {
        using FileStream file = File.OpenRead(path);
        // One byte more than any good file has, so that a longer one does not parse.
        var bytes = new byte[Math.Min(file.Length, Header.Length + 5 + (Limits.MaximumVotesPerCall * (MaximumVoteBytes + 4)))];
        file.ReadExactly(bytes);
        return bytes;
    }
}
