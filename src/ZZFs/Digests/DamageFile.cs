using System.Globalization;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Keeps known damage in a file: a line each, place and block in decimal.</summary>
public sealed class DamageFile : IDamageRecord
{
    private readonly string path;
    private readonly HashSet<(uint Index, ulong Block)> known = [];

    /// <summary>What the file says; lines that say nothing are passed over.</summary>
    /// <exception cref="StoreException">It is there and can't be read.</exception>
    public DamageFile(string path)
    {
        this.path = path;
        try
        {
            foreach (string line in File.Exists(path) ? File.ReadLines(path) : [])
            {
                if (line.Split(' ') is [var index, var block]
                    && uint.TryParse(index, CultureInfo.InvariantCulture, out uint place)
                    && ulong.TryParse(block, CultureInfo.InvariantCulture, out ulong number))
                    known.Add((place, number));
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"{path} can't be read: {failure.Message}");
        }
    }

    /// <inheritdoc/>
    public int Count => known.Count;

    /// <inheritdoc/>
    public bool IsKnown(uint index, ulong block) => known.Contains((index, block));

    /// <inheritdoc/>
    public void Note(uint index, ulong block)
    {
        if (known.Add((index, block)))
            Change(() => File.AppendAllText(path, string.Create(CultureInfo.InvariantCulture, $"{index} {block}\n")));
    }

    /// <inheritdoc/>
    public void Clear()
    {
        if (known.Count == 0)
            return;
        known.Clear();
        Change(() => File.Delete(path));
    }

    private void Change(Action change)
    {
        try
        {
            change();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"{path} can't be written: {failure.Message}");
        }
    }
}
