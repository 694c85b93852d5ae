using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>Directory entries, clustered by directory and name: the table <c>entry</c>((directory, name) → index, generation).</summary>
internal sealed class EntryRows(SqliteDatabase database)
{
    /// <summary>What makes the table.</summary>
    public const string Schema =
        """
        CREATE TABLE entry (directory INTEGER NOT NULL, name BLOB NOT NULL, target INTEGER NOT NULL, generation INTEGER NOT NULL,
            PRIMARY KEY (directory, name)) WITHOUT ROWID
        """;

    private readonly SqliteStatement find = database.Prepare("SELECT target, generation FROM entry WHERE directory = ?1 AND name = ?2");
    private readonly SqliteStatement add = database.Prepare("INSERT INTO entry VALUES (?1, ?2, ?3, ?4)");
    private readonly SqliteStatement replace = database.Prepare("REPLACE INTO entry VALUES (?1, ?2, ?3, ?4)");
    private readonly SqliteStatement remove = database.Prepare("DELETE FROM entry WHERE directory = ?1 AND name = ?2");
    private readonly SqliteStatement listFrom = database.Prepare(
        "SELECT name, target, generation FROM entry WHERE directory = ?1 AND name >= ?2 ORDER BY name");

    private readonly SqliteStatement listAfter = database.Prepare(
        "SELECT name, target, generation FROM entry WHERE directory = ?1 AND name > ?2 ORDER BY name");

    /// <summary>What a name of a directory stands for; null when it is free.</summary>
    public ObjectId? Find(uint directory, ReadOnlySpan<byte> name)
    {
        if (!find.Bind(1, directory).Bind(2, name).Step())
            return null;
        try
        {
            return Target(find, 0);
        }
        finally
        {
            find.Reset();
        }
    }

    /// <summary>Adds a name that is free.</summary>
    public void Add(uint directory, ReadOnlySpan<byte> name, ObjectId target) =>
        add.Bind(1, directory).Bind(2, name).Bind(3, target.Index).Bind(4, (long)target.Generation).Run();

    /// <summary>Frees a name.</summary>
    public void Remove(uint directory, ReadOnlySpan<byte> name) => remove.Bind(1, directory).Bind(2, name).Run();

    /// <summary>Renames to a name that is free.</summary>
    public void Move(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        ObjectId target = Existing(sourceDirectory, sourceName);
        Remove(sourceDirectory, sourceName);
        Add(targetDirectory, targetName, target);
    }

    /// <summary>Swaps what two names stand for.</summary>
    public void Exchange(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        ObjectId first = Existing(firstDirectory, firstName);
        ObjectId second = Existing(secondDirectory, secondName);
        Replace(firstDirectory, firstName, second);
        Replace(secondDirectory, secondName, first);
    }

    /// <summary>Visits entries in byte order of their names: those at (if <paramref name="inclusive"/>) or after <paramref name="from"/>.</summary>
    public void List(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor)
    {
        SqliteStatement list = (inclusive ? listFrom : listAfter).Bind(1, directory).Bind(2, from);
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

    private void Replace(uint directory, ReadOnlySpan<byte> name, ObjectId target) =>
        replace.Bind(1, directory).Bind(2, name).Bind(3, target.Index).Bind(4, (long)target.Generation).Run();

    private ObjectId Existing(uint directory, ReadOnlySpan<byte> name) =>
        Find(directory, name) ?? throw database.Damaged($"an entry of directory {directory} vanished");

    private ObjectId Target(SqliteStatement row, int column)
    {
        long index = row.Number(column);
        if (index is < 0 or > uint.MaxValue)
            throw database.Damaged($"a directory entry names object {index}");
        return new ObjectId((uint)index, (ulong)row.Number(column + 1));
    }
}
