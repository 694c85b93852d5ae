namespace Agreement.Node;

/// <summary>Small files that must be whole and on disk before anything follows from them.</summary>
public static class DurableFile
{
    /// <summary>
    /// Writes <paramref name="content"/> aside, syncs it, renames it to <paramref name="path"/> and syncs the folder: after a
    /// loss of power the former file or the new one is there, and after the return the new one.
    /// </summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string aside = path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
        SyncFolder(path);
    }

    /// <summary>Gives a file that another program wrote its name once its content is on disk; both are in one folder.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be renamed.</exception>
    public static void Rename(string aside, string path)
    {
        using (var file = new FileStream(aside, FileMode.Open, FileAccess.ReadWrite))
            file.Flush(flushToDisk: true);
        File.Move(aside, path, overwrite: true);
        SyncFolder(path);
    }

    /// <summary>Removes a file for good: a loss of power does not bring it back. One that is not there is no error.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be removed.</exception>
    public static void Remove(string path)
    {
        if (!File.Exists(path))
            return;
        File.Delete(path);
        SyncFolder(path);
    }

    private static void SyncFolder(string path) => new LogSync([], Path.GetDirectoryName(Path.GetFullPath(path))).Sync();
}
