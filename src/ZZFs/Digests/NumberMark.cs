using System.Globalization;
using System.Text;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>A number in a small file of its own, replaced as a whole: it outlives damage of what it tells of.</summary>
/// <param name="path">The file: the number as text, twice.</param>
internal sealed class NumberMark(string path)
{
    /// <summary>The number; 0 when there is none, or the file can't be read.</summary>
    public ulong Number { get; private set; } = Load(path);

    /// <summary>Replaces the number; it is on disk when this returns.</summary>
    /// <exception cref="StoreException">The disk failed.</exception>
    public void Set(ulong number)
    {
        if (number == Number)
            return;
        try
        {
            string text = number.ToString(CultureInfo.InvariantCulture);
            using (FileStream file = new(path + "-new", FileMode.Create, FileAccess.Write))
            {
                file.Write(Encoding.ASCII.GetBytes($"{text} {text}\n"));
                file.Flush(flushToDisk: true);
            }

            File.Move(path + "-new", path, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"the file {path} can't be written: {failure.Message}");
        }

        Number = number;
    }

    private static ulong Load(string path)
    {
        try
        {
            string[] words = File.ReadAllText(path).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
            return words is [string once, string twice] && once == twice
                && ulong.TryParse(once, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
