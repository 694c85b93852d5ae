using System.Diagnostics.CodeAnalysis;

namespace ZZFs.Stores;

/// <summary>Sees one row of a sorted map; valid during the call only. Returns whether it wants the next.</summary>
internal delegate bool RowVisitor<TValue>(ReadOnlySpan<byte> key, TValue value);

/// <summary>Changes of a sorted map that is stored elsewhere: rows that were written, and rows that are gone.</summary>
internal sealed class PendingRows<TValue>
{
    private readonly SortedSet<Row> rows = new(Comparer<Row>.Create((a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key)));

    /// <summary>Writes or replaces a row.</summary>
    public void Write(byte[] key, TValue value) => Put(new Row(key) { Value = value });

    /// <summary>Marks a row as gone, whether it is stored or not.</summary>
    public void Remove(byte[] key) => Put(new Row(key) { IsGone = true });

    /// <summary>What is known of a row here; false when the stored one counts.</summary>
    public bool TryFind(byte[] key, [NotNullWhen(true)] out Row? row) => rows.TryGetValue(new Row(key), out row);

    /// <summary>Forgets all.</summary>
    public void Clear() => rows.Clear();

    /// <summary>Visits what is stored, as changed by what is here, in byte order of the keys.</summary>
    /// <param name="from">The least key.</param>
    /// <param name="to">Above the greatest.</param>
    /// <param name="listStored">Lists the stored rows of that range.</param>
    /// <param name="visitor">Sees the rows. It may look into this, and must not change it.</param>
    public void List(byte[] from, byte[] to, Action<RowVisitor<TValue>> listStored, RowVisitor<TValue> visitor)
    {
        using IEnumerator<Row> here = Between(from, to).GetEnumerator();
        bool hasMore = here.MoveNext();
        bool wantsMore = true;
        listStored((key, value) =>
        {
            int order = -1;
            while (wantsMore && hasMore && (order = here.Current.Key.AsSpan().SequenceCompareTo(key)) <= 0)
            {
                wantsMore = here.Current.IsGone || visitor(here.Current.Key, here.Current.Value);
                hasMore = here.MoveNext();
                if (order == 0)
                    return wantsMore;
            }

            return wantsMore = wantsMore && visitor(key, value);
        });
        for (; wantsMore && hasMore; hasMore = here.MoveNext())
            wantsMore = here.Current.IsGone || visitor(here.Current.Key, here.Current.Value);
    }

    private IEnumerable<Row> Between(byte[] from, byte[] to) =>
        from.AsSpan().SequenceCompareTo(to) >= 0
            ? []
            : rows.GetViewBetween(new Row(from), new Row(to)).TakeWhile(row => !row.Key.AsSpan().SequenceEqual(to));

    private void Put(Row row)
    {
        rows.Remove(row);
        rows.Add(row);
    }

    /// <summary>A row.</summary>
    public sealed class Row(byte[] key)
    {
        public byte[] Key { get; } = key;

        public bool IsGone { get; init; }

        /// <summary>Its value, unless it is gone.</summary>
        public TValue Value { get; init; } = default!;
    }
}
