using System.Diagnostics;
using System.Globalization;

namespace Micro;

/// <summary>Collects how long each kind of operation took, and prints medians and 99th percentiles.</summary>
internal sealed class Recorder
{
    private readonly SortedDictionary<string, List<double>> microseconds = new(StringComparer.Ordinal);

    public T Time<T>(string kind, Func<T> action)
    {
        long start = Stopwatch.GetTimestamp();
        T result = action();
        double elapsed = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        if (!microseconds.TryGetValue(kind, out List<double>? times))
            microseconds.Add(kind, times = []);
        times.Add(elapsed);
        return result;
    }

    public void Print()
    {
        double all = microseconds.Values.Sum(times => times.Sum());
        Console.WriteLine($"{"operation",-22}{"count",9}{"median µs",11}{"p99 µs",11}{"mean µs",11}{"share",9}");
        foreach ((string kind, List<double> times) in microseconds)
        {
            times.Sort();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{kind,-22}{times.Count,9}{times[times.Count / 2],11:F1}{times[times.Count * 99 / 100],11:F1}{times.Average(),11:F1}{times.Sum() / all,9:P1}"));
        }
    }
}
