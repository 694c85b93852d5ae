using Agreement.Messages;
using CsCheck;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction;

public class OperationCodecTests
{
    [Fact]
    public void An_operation_survives_the_round_trip() =>
        Gen.Select(OperationGenerators.Callers, OperationGenerators.Operations).Sample((caller, operation) =>
        {
            byte[] bytes = Encode(caller, operation);
            Assert.True(OperationCodec.TryDecode(bytes, out Credentials decodedCaller, out Operation decoded));
            Assert.Equal(Show.Of(caller, operation), Show.Of(decodedCaller, decoded));
        });

    [Fact]
    public void A_result_survives_the_round_trip() =>
        OperationGenerators.Results.Sample(result =>
        {
            byte[] bytes = EncodeResult(result);
            Assert.True(OperationCodec.TryDecodeResult(bytes, out OperationResult decoded));
            Assert.Equal(Show.Of(result), Show.Of(decoded));
        });

    [Fact]
    public void Every_kind_of_operation_is_generated_and_has_its_own_code()
    {
        var seen = new SortedSet<OperationCode>();
        OperationGenerators.Operations.Sample(
            operation =>
            {
                lock (seen)
                    seen.Add(OperationCodec.CodeOf(operation));
            },
            iter: 5000);
        Assert.Equal(Enum.GetValues<OperationCode>(), seen);
        Assert.All(seen, code => Assert.True((byte)code >= 16));
    }

    [Fact]
    public void Damaged_operations_are_refused_or_are_the_one_encoding_of_something_else()
    {
        var random = new Random(20250101);
        Gen.Select(OperationGenerators.Callers, OperationGenerators.Operations).Sample(
            (caller, operation) =>
            {
                byte[] bytes = Damage(random, Encode(caller, operation));
                if (OperationCodec.TryDecode(bytes, out Credentials decodedCaller, out Operation decoded))
                    Assert.Equal(bytes, Encode(decodedCaller, decoded));
            },
            iter: 20_000,
            threads: 1);
    }

    [Fact]
    public void Damaged_results_are_refused_or_are_the_one_encoding_of_something_else()
    {
        var random = new Random(20250102);
        OperationGenerators.Results.Sample(
            result =>
            {
                byte[] bytes = Damage(random, EncodeResult(result));
                if (OperationCodec.TryDecodeResult(bytes, out OperationResult decoded))
                    Assert.Equal(bytes, EncodeResult(decoded));
            },
            iter: 20_000,
            threads: 1);
    }

    [Fact]
    public void Random_bytes_never_throw()
    {
        var random = new Random(20250103);
        byte[] buffer = new byte[512];
        for (int i = 0; i < 200_000; i++)
        {
            random.NextBytes(buffer);
            // Plausible codes and small counts, so that the fuzz gets past the first checks.
            buffer[0] = (byte)random.Next(0, 64);
            buffer.AsSpan(9, 3).Clear();
            buffer[9] = (byte)random.Next(3);
            buffer.AsMemory(10, random.Next(64)).Span.Clear();
            ReadOnlyMemory<byte> bytes = buffer.AsMemory(0, random.Next(buffer.Length));
            if (OperationCodec.TryDecode(bytes, out Credentials caller, out Operation operation))
                Assert.Equal(bytes.ToArray(), Encode(caller, operation));
            if (OperationCodec.TryDecodeResult(bytes, out OperationResult result))
                Assert.Equal(bytes.ToArray(), EncodeResult(result));
        }
    }

    [Fact]
    public void A_compound_in_a_compound_is_refused()
    {
        var nested = new Compound([new Compound([])]);
        Assert.Throws<ArgumentException>(() => Encode(Credentials.Superuser, nested));

        var writer = new MessageWriter();
        writer.WriteByte((byte)OperationCode.Compound);
        writer.WriteUInt64(0);
        writer.WriteUInt32(0);
        writer.WriteUInt32(1);
        writer.WriteByte((byte)OperationCode.Compound);
        writer.WriteUInt32(0);
        Assert.False(OperationCodec.TryDecode(writer.ToArray(), out _, out _));
    }

    [Fact]
    public void The_largest_write_fits_and_a_larger_one_is_refused()
    {
        Operation Of(int count) => new Write(ObjectId.Root, 0, new byte[count], false, true);
        Assert.True(OperationCodec.TryDecode(Encode(Credentials.Superuser, Of(Limits.MaximumTransferBytes)), out _, out _));
        Assert.False(OperationCodec.TryDecode(Encode(Credentials.Superuser, Of(Limits.MaximumTransferBytes + 1)), out _, out _));
    }

    private static byte[] Encode(Credentials caller, Operation operation)
    {
        var writer = new MessageWriter();
        OperationCodec.Encode(caller, operation, writer);
        return writer.ToArray();
    }

    private static byte[] EncodeResult(OperationResult result)
    {
        var writer = new MessageWriter();
        OperationCodec.EncodeResult(result, writer);
        return writer.ToArray();
    }

    private static byte[] Damage(Random random, byte[] bytes)
    {
        switch (random.Next(3))
        {
            case 0:
                return bytes[..random.Next(bytes.Length)];
            case 1:
                return [.. bytes, (byte)random.Next(256)];
            default:
                for (int flips = random.Next(1, 4); flips > 0; flips--)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return bytes;
        }
    }
}
