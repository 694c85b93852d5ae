using System.Diagnostics;
using System.Globalization;
using Agreement.Crypto;
using Agreement.Messages;

namespace AgreementBench;

/// <summary>What the parts of an ordered operation that nobody can leave out cost right now, on this machine.</summary>
internal static class Units
{
    private const int Repetitions = 2_000;

    /// <summary>Prints median microseconds: a loopback round trip, a signature of a request, its verification.</summary>
    public static void Print()
    {
        using Identity identity = Identity.Generate();
        var verifier = new SignatureVerifier(identity.PublicKeys.SigningKey.Span);
        byte[] signed = new byte[Request.SignedBytes];
        byte[] signature = new byte[Identity.SignatureBytes];
        double sign = Median(() => identity.Sign(signed, signature));
        double verify = Median(() => Invariant.That(verifier.Verify(signed, signature)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{RoundTrip.MedianMicroseconds():F1} {sign:F1} {verify:F1}"));
    }

    private static double Median(Action action)
    {
        double[] times = new double[Repetitions];
        for (int i = 0; i < Repetitions; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        Array.Sort(times);
        return times[Repetitions / 2];
    }
}
