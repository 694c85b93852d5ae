using System.Text;

namespace ZZFs.Cli;

/// <summary>Rows of cells as aligned lines.</summary>
internal static class TextTable
{
    /// <summary>The text, with a final line feed. The first row is the heading, and as long as the others.</summary>
    public static string Format(IReadOnlyList<string[]> rows)
    {
        var text = new StringBuilder();
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
        {
            string line = string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column])));
            text.Append(line.TrimEnd()).Append('\n');
        }

        return text.ToString();
    }
}
