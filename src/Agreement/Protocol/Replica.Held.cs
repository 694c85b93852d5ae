using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// HELD: backups tell the primary which requests they hold from their clients, so that it need not check the signatures of
// those that enough of them hold (src/DESIGN.md, Decisions).
public sealed partial class Replica
{
    /// <summary>As many statements are worth a message of their own; fewer ride with one that goes to the primary anyway.</summary>
    private const int HeldWorthAMessage = Limits.MaximumBatchRequests / 2;

    /// <summary>More than this are not told: what the primary doesn't hear of costs it one signature check.</summary>
    private const int MaximumToTell = 1024;

    private readonly List<Digest> toTell = [];

    /// <summary>A backup holds requests that came over their clients' own links.</summary>
    public void OnHeld(in Verified<Held> message)
    {
        if (!InView || !IsPrimary)
            return;
        for (int i = 0; i < message.Value.Count; i++)
            pool.HeldBy((int)message.Sender.Index, message.Value[i], now);
    }

    private void WillTellHeld(in Digest request)
    {
        if (InView && !IsPrimary && toTell.Count < MaximumToTell)
            toTell.Add(request);
    }

    private void TellHeld()
    {
        if (toTell.Count == 0 || (toTell.Count < HeldWorthAMessage && !PrimaryHearsOfUs()))
            return;
        int told = 0;
        while (InView && !IsPrimary && told < toTell.Count)
            TellSomeHeld(ref told);
        toTell.Clear();
    }

    private void TellSomeHeld(ref int told)
    {
        Span<Digest> requests = stackalloc Digest[Limits.MaximumBatchRequests];
        int count = 0;
        for (; told < toTell.Count && count < requests.Length; told++)
        {
            if (pool.TryPromise(toTell[told], now))
                requests[count++] = toTell[told];
        }

        if (count == 0)
            return;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        Held.Write(writer, requests[..count]);
        Output.EndMessage(start, new Recipients(1u << Primary, 0, null));
    }

    private bool PrimaryHearsOfUs()
    {
        for (int i = 0; i < Output.Messages.Count; i++)
        {
            if ((Output.Messages[i].To.Agreement & (1u << Primary)) != 0)
                return true;
        }

        return false;
    }
}
