using ZZFs.Abstraction;

namespace ZZFs.Stores;

// Directory entries: one row each, clustered by directory and name.
public sealed partial class EmbeddedStore
{
    private readonly NameStatements names;

    private sealed class NameStatements(SqliteDatabase database)
    {
        public SqliteStatement Find { get; } =
            database.Prepare("SELECT target, generation FROM entry WHERE directory = ?1 AND name = ?2");

        public SqliteStatement Add { get; } = database.Prepare("INSERT INTO entry VALUES (?1, ?2, ?3, ?4)");

        public SqliteStatement Replace { get; } = database.Prepare("REPLACE INTO entry VALUES (?1, ?2, ?3, ?4)");

        public SqliteStatement Remove { get; } = database.Prepare("DELETE FROM entry WHERE directory = ?1 AND name = ?2");

        public SqliteStatement ListFrom { get; } = database.Prepare(
            "SELECT name, target, generation FROM entry WHERE directory = ?1 AND name >= ?2 ORDER BY name");

        public SqliteStatement ListAfter { get; } = database.Prepare(
            "SELECT name, target, generation FROM entry WHERE directory = ?1 AND name > ?2 ORDER BY name");
    }

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name)
    {
        if (!names.Find.Bind(1, directory).Bind(2, name).Step())
            return null;
        try
        {
            return Target(names.Find, 0);
        }
        finally
        {
            names.Find.Reset();
        }
    }

    /// <inheritdoc/>
    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target) =>
        names.Add.Bind(1, directory).Bind(2, name).Bind(3, target.Index).Bind(4, (long)target.Generation).Run();

    /// <inheritdoc/>
    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name) => names.Remove.Bind(1, directory).Bind(2, name).Run();

    /// <inheritdoc/>
    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        ObjectId target = Existing(sourceDirectory, sourceName);
        RemoveEntry(sourceDirectory, sourceName);
        AddEntry(targetDirectory, targetName, target);
    }

    /// <inheritdoc/>
    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        ObjectId first = Existing(firstDirectory, firstName);
        ObjectId second = Existing(secondDirectory, secondName);
        ReplaceEntry(firstDirectory, firstName, second);
        ReplaceEntry(secondDirectory, secondName, first);
    }

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor)
    {
        SqliteStatement list = (inclusive ? names.ListFrom : names.ListAfter).Bind(1, directory).Bind(2, from);
        try
        {
            while (list.Step())
            {
                ReadOnlySpan<byte> name = list.Bytes(0);
                if (name.IsEmpty || name.Length > Specification.MaximumNameBytes)
                    throw database.Damaged($"directory {directory} has an entry of {name.Length} bytes");
                if (!visitor(name, Target(list, 1)))
                    return;
            }
        }
        finally
        {
            list.Reset();
        }
    }

    private void ReplaceEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target) =>
        names.Replace.Bind(1, directory).Bind(2, name).Bind(3, target.Index).Bind(4, (long)target.Generation).Run();

    private ObjectId Existing(uint directory, ReadOnlySpan<byte> name) =>
        FindEntry(directory, name) ?? throw database.Damaged($"an entry of directory {directory} vanished");

    private ObjectId Target(SqliteStatement row, int column)
    {
        long index = row.Number(column);
        if (index is < 0 or > uint.MaxValue)
            throw database.Damaged($"a directory entry names object {index}");
        return new ObjectId((uint)index, (ulong)row.Number(column + 1));
    }
}
