using System.Buffers.Binary;

namespace ZZFs.Bench;

/// <summary>
/// What a benchmark's files hold: each byte is a function of the seed, the file's number and the offset, so that a read
/// can be checked with nothing remembered, and a block from another file or place never passes.
/// </summary>
/// <param name="seed">The benchmark's seed.</param>
public sealed class BenchContent(ulong seed)
{
    private const int WordBytes = sizeof(ulong);

    /// <summary>Writes the bytes of a file from an offset on.</summary>
    /// <param name="file">The file's number.</param>
    /// <param name="offset">Where in the file the buffer starts, in bytes.</param>
    /// <param name="buffer">Filled to its end.</param>
    public void Fill(long file, long offset, Span<byte> buffer)
    {
        var key = KeyOf(file);
        Span<byte> word = stackalloc byte[WordBytes];
        while (buffer.Length > 0)
        {
            var within = (int)(offset % WordBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(word, WordAt(key, offset / WordBytes));
            var count = Math.Min(WordBytes - within, buffer.Length);
            word.Slice(within, count).CopyTo(buffer);
            buffer = buffer[count..];
            offset += count;
        }
    }

    /// <summary>Compares bytes that were read with those that belong there.</summary>
    /// <param name="file">The file's number.</param>
    /// <param name="offset">Where in the file they were read, in bytes.</param>
    /// <param name="bytes">What was read.</param>
    /// <returns>The index of the first wrong byte, or -1.</returns>
    public int FirstWrong(long file, long offset, ReadOnlySpan<byte> bytes)
    {
        const int BlockBytes = 512;
        Span<byte> expected = stackalloc byte[BlockBytes];
        for (var done = 0; done < bytes.Length; done += BlockBytes)
        {
            var block = bytes.Slice(done, Math.Min(BlockBytes, bytes.Length - done));
            Fill(file, offset + done, expected[..block.Length]);
            var same = block.CommonPrefixLength(expected[..block.Length]);
            if (same < block.Length)
            {
                return done + same;
            }
        }

        return -1;
    }

    private ulong KeyOf(long file) => BenchRandom.Mix(seed ^ BenchRandom.Mix((ulong)file + 1));

    private static ulong WordAt(ulong key, long index) => BenchRandom.Mix(key + (ulong)index);
}
