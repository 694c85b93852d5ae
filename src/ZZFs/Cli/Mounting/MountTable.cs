using System.Text;

namespace ZZFs.Cli.Mounting;

/// <summary>One mounted file system.</summary>
/// <param name="MountPoint">Where, absolute.</param>
/// <param name="Type">For example <c>fuse.zzfs</c>.</param>
/// <param name="Source">What.</param>
internal sealed record MountEntry(string MountPoint, string Type, string Source)
{
    /// <summary>Whether it is one of ours.</summary>
    public bool IsOurs => Type == "fuse.zzfs";
}

/// <summary>Reads the kernel's table of mounts.</summary>
internal static class MountTable
{
    /// <summary>The topmost mount at exactly that path, or null.</summary>
    public static MountEntry? Find(string mountPoint) => Find(File.ReadLines("/proc/self/mountinfo"), mountPoint);

    /// <summary>The same in the lines of a proc(5) mountinfo.</summary>
    internal static MountEntry? Find(IEnumerable<string> lines, string mountPoint)
    {
        MountEntry? found = null;
        foreach (string line in lines)
        {
            // "36 35 98:0 root mountpoint options optional… - type source superoptions"
            string[] fields = line.Split(' ');
            int dash = Array.IndexOf(fields, "-");
            if (dash >= 5 && dash + 2 < fields.Length && Unescape(fields[4]) == mountPoint)
                found = new MountEntry(mountPoint, fields[dash + 1], Unescape(fields[dash + 2]));
        }

        return found;
    }

    /// <summary>The kernel writes space, tab, line feed and backslash as three octal digits.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
            return text;
        var plain = new StringBuilder();
        for (int index = 0; index < text.Length; index++)
        {
            if (text[index] == '\\' && index + 3 < text.Length && text.AsSpan(index + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                plain.Append((char)Convert.ToInt32(text.Substring(index + 1, 3), 8));
                index += 3;
            }
            else
            {
                plain.Append(text[index]);
            }
        }

        return plain.ToString();
    }
}
