using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// Targets of symlinks: the table <c>link</c>(index → target). The links in the tree are for people: not every file system
/// holds targets of every length.
/// </summary>
internal sealed class LinkRows(SqliteDatabase database)
{
    /// <summary>What makes the table.</summary>
    public const string Schema = "CREATE TABLE link (position INTEGER PRIMARY KEY, target BLOB NOT NULL)";

    private readonly SqliteStatement read = database.Prepare("SELECT target FROM link WHERE position = ?1");
    private readonly SqliteStatement write = database.Prepare("INSERT OR REPLACE INTO link VALUES (?1, ?2)");
    private readonly SqliteStatement remove = database.Prepare("DELETE FROM link WHERE position = ?1");

    /// <summary>The target; null when there is none.</summary>
    public byte[]? Read(uint index)
    {
        if (!read.Bind(1, index).Step())
            return null;
        byte[] target = read.Bytes(0).ToArray();
        read.Reset();
        return target.Length is > 0 and <= Specification.MaximumSymlinkBytes && !target.Contains((byte)0)
            ? target
            : throw database.Damaged($"the target of symlink {index} can't be one");
    }

    /// <summary>Writes or replaces a target.</summary>
    public void Write(uint index, ReadOnlySpan<byte> target) => write.Bind(1, index).Bind(2, target).Run();

    /// <summary>Forgets a target, if there is one.</summary>
    public void Remove(uint index) => remove.Bind(1, index).Run();
}
