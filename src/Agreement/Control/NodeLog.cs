using System.Globalization;

namespace Agreement.Control;

/// <summary>A node's log for people: one line for each event that an operator may want to know, each with its time in UTC.</summary>
public sealed class NodeLog
{
    private readonly TextWriter writer;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();

    /// <summary>Writes to <paramref name="writer"/>, which stays the caller's.</summary>
    public NodeLog(TextWriter writer, TimeProvider clock)
    {
        this.writer = writer;
        this.clock = clock;
    }

    /// <summary>Writes one line. Any thread may call it.</summary>
    public void Write(string line)
    {
        lock (gate)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {line}"));
            writer.Flush();
        }
    }
}
