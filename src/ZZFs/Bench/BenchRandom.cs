namespace ZZFs.Bench;

/// <summary>
/// A small random number generator whose numbers are the same on every machine and runtime for one seed
/// (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
/// </summary>
/// <param name="seed">Where the sequence starts.</param>
public sealed class BenchRandom(ulong seed)
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    /// <summary>The next number below a bound, each equally likely but for a bias below 2^-32.</summary>
    /// <param name="bound">At least 0; for 0 the result is 0.</param>
    public int Below(int bound)
    {
        _state += GoldenGamma;
        return (int)Math.BigMul(Mix(_state), (ulong)bound, out _);
    }

    /// <summary>Spreads the bits of a number: neighbours become unrelated.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
