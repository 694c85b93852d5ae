using System.Globalization;
using Agreement.Messages;
using Agreement.Node;

namespace ZZFs.Cli.Scrubbing;

/// <summary>One line that shows how far each replica is; on a terminal it is written over, elsewhere nothing is shown.</summary>
internal sealed class ScrubProgress(TextWriter output) : IDisposable
{
    private const int BarCells = 20;

    private readonly SortedDictionary<PartyId, ScrubStatus> replicas = [];
    private readonly bool isTerminal = !Console.IsErrorRedirected && output != TextWriter.Null;
    private readonly Lock gate = new();
    private bool isShown;

    /// <summary>A replica told how it stands.</summary>
    public void Show(PartyId replica, ScrubStatus status)
    {
        lock (gate)
        {
            replicas[replica] = status;
            if (!isTerminal)
                return;
            output.Write("\r" + string.Join("  ", replicas.Select(one => $"{one.Key} {Bar(one.Value)}")) + "\u001b[K");
            output.Flush();
            isShown = true;
        }
    }

    /// <summary>Takes the line away.</summary>
    public void End()
    {
        lock (gate)
        {
            if (isShown)
                output.Write("\r\u001b[K");
            isShown = false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => End();

    /// <summary>A bar with the share that is done.</summary>
    internal static string Bar(ScrubStatus status)
    {
        double share = !status.IsRunning && status.Checkpoint.Value > 0 ? 1
            : status.BytesTotal == 0 ? 0
            : Math.Min(0.99, status.BytesRead / (double)status.BytesTotal);
        int cells = (int)(share * BarCells);
        return string.Create(CultureInfo.InvariantCulture, $"[{new string('#', cells)}{new string('.', BarCells - cells)}] {share,4:P0}");
    }
}
