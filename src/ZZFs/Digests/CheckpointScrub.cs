using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Scrubs one version, and tells of damage by the path of what is damaged.</summary>
internal sealed class CheckpointScrub : IScrub
{
    private const int MaximumDepth = 256;

    private readonly IStoreView view;
    private readonly IDigestView digests;
    private readonly Scrubber scrubber;

    /// <summary>Takes over both views.</summary>
    public CheckpointScrub(SequenceNumber number, ulong bytesTotal, IStoreView view, IDigestView digests, Digest state, VolumeLimits limits)
    {
        Number = number;
        BytesTotal = bytesTotal;
        this.view = view;
        this.digests = digests;
        scrubber = new Scrubber(view, digests, state, limits);
    }

    /// <inheritdoc/>
    public SequenceNumber Number { get; }

    /// <inheritdoc/>
    public ulong BytesTotal { get; }

    /// <inheritdoc/>
    public ulong BytesRead => (ulong)scrubber.BytesRead;

    /// <inheritdoc/>
    public ulong ObjectsRead => (ulong)scrubber.ObjectsRead;

    /// <inheritdoc/>
    public ulong DamageCount => (ulong)scrubber.DamageCount;

    /// <inheritdoc/>
    public IReadOnlyList<string> Found { get; private set; } = [];

    /// <inheritdoc/>
    public void Run(Func<bool> mayGoOn)
    {
        scrubber.Run(mayGoOn);
        Found = [.. scrubber.Damages.Select(damage => $"{PathOf(damage.Object)}: {damage.What}")];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        view.Dispose();
        digests.Dispose();
    }

    // As far as what is left tells it.
    private string PathOf(uint index)
    {
        if (index == ObjectId.Root.Index)
            return "/";
        var names = new List<string>();
        try
        {
            uint at = index;
            while (at != ObjectId.Root.Index && names.Count < MaximumDepth)
            {
                if (view.ReadObject(at) is not { } record || NameIn(record.Parent, at) is not { } name)
                    return $"object {index}";
                names.Add(name);
                at = record.Parent;
            }
        }
        catch (StoreException)
        {
            return $"object {index}";
        }

        names.Reverse();
        return "/" + string.Join('/', names);
    }

    private string? NameIn(uint directory, uint index)
    {
        string? found = null;
        view.ListEntries(directory, [], inclusive: true, (name, target) =>
        {
            if (target.Index == index)
                found = Printable(name);
            return found is null;
        });
        return found;
    }

    // Names may hold anything, and this goes to terminals and logs.
    private static string Printable(ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder();
        foreach (char one in Encoding.UTF8.GetString(name))
            text.Append(char.IsControl(one) ? '?' : one);
        return text.ToString();
    }
}
