using System.Globalization;

namespace ZZFs.Bench;

/// <summary>The table of what each replica did.</summary>
public static class DemoReport
{
    private const string Unknown = "-";

    /// <summary>Writes one line for each replica.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="before">What they said before the benchmarks.</param>
    /// <param name="after">What they said afterwards.</param>
    public static void Write(TextWriter output, IReadOnlyList<DemoReplica> before, IReadOnlyList<DemoReplica> after)
    {
        output.WriteLine("What the replicas did meanwhile:");
        output.WriteLine($"{"replica",-8} {"role",-11} {"executed",10} {"checkpoint",11} {"memory",11} {"CPU",10}");
        foreach (var replica in after)
        {
            var earlier = before.FirstOrDefault(other => other.Id == replica.Id);
            var cpu = replica.CpuSeconds is { } now && earlier?.CpuSeconds is { } then
                ? string.Create(CultureInfo.InvariantCulture, $"{now - then:f2} s")
                : Unknown;
            var memory = replica.MemoryBytes is { } bytes ? BenchReport.Bytes(bytes) : Unknown;
            var executed = replica.Executed?.ToString(CultureInfo.InvariantCulture) ?? Unknown;
            var checkpoint = replica.Checkpoint?.ToString(CultureInfo.InvariantCulture) ?? Unknown;
            output.WriteLine($"{replica.Id,-8} {replica.Role,-11} {executed,10} {checkpoint,11} {memory,11} {cpu,10}");
        }
    }
}
