using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Agreement.Configuration;

/// <summary>Names one volume; bound into handshakes and votes so that nothing of one cluster counts in another.</summary>
/// <param name="Value">128 random bits.</param>
public readonly record struct VolumeId(UInt128 Value)
{
    /// <summary>Length of the encoded id, in bytes.</summary>
    public const int Bytes = 16;

    /// <summary>A fresh id from the system's random source.</summary>
    public static VolumeId Generate()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        RandomNumberGenerator.Fill(bytes);
        return new VolumeId(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <summary>Reads 32 lower-case hexadecimal digits.</summary>
    /// <returns>False when <paramref name="text"/> is not of that form.</returns>
    public static bool TryParse(string text, out VolumeId volume)
    {
        bool parsed = UInt128.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 value);
        volume = new VolumeId(value);
        return parsed && volume.ToString() == text;
    }

    /// <summary>The id as <see cref="Bytes"/> bytes, big-endian.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[Bytes];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return bytes;
    }

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);
}
