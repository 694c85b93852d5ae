using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Abstraction;

namespace ZZFs.Tests.Stores;

/// <summary>
/// What <c>ls -lR</c> shows and more, one line for each name: of the abstract state, and of a real directory. Bytes are shown
/// as Latin-1. Left out are the change time, which nobody can set, and the length and link count of directories, which each file
/// system counts in its own way.
/// </summary>
/// <remarks>zfs-fuse keeps times in whole seconds; fractions are left out where they are asked to be.</remarks>
internal static class TreeListing
{
    public static List<string> Of(IFileService service, bool fractions = true)
    {
        var lines = new List<string>();
        var fs = new FileServiceDriver(service);
        Add(fs, ObjectId.Root, "", fractions, lines);
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    public static List<string> Of(string directory, bool fractions = true)
    {
        string format = @"%P\0%y %m %U %G %s %n %A@ %T@ %l\0";
        string[] fields = Run(directory, "find", ".", "-printf", format).Split('\0');
        string[] sums = Run(directory, "find", ".", "-type", "f", "-exec", "sha256sum", "-z", "{}", "+").Split('\0');
        Dictionary<string, string> content = sums.Where(sum => sum.Length > 0).ToDictionary(sum => sum[68..], sum => sum[..64], StringComparer.Ordinal);
        var lines = new List<string>();
        for (int i = 0; i + 1 < fields.Length; i += 2)
        {
            string[] words = fields[i + 1].Split(' ', 9);
            if (words[0] == "d")
                words[4] = words[5] = "";
            if (!fractions)
                (words[6], words[7]) = (words[6].Split('.')[0], words[7].Split('.')[0]);
            lines.Add($"{fields[i]}\0{string.Join(' ', words)} {content.GetValueOrDefault(fields[i])}");
        }

        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static void Add(FileServiceDriver fs, ObjectId target, string path, bool fractions, List<string> lines)
    {
        Attributes attributes = fs.Attributes(target);
        bool directory = attributes.Type == ObjectType.Directory;
        string kind = "-fdlpscb"[(int)attributes.Type].ToString();
        string link = attributes.Type == ObjectType.Symlink ? Encoding.Latin1.GetString(fs.Must(new ReadLink(target)).Data!.Value.Span) : "";
        string size = directory ? "" : attributes.SizeBytes.ToString(CultureInfo.InvariantCulture);
        string links = directory ? "" : attributes.LinkCount.ToString(CultureInfo.InvariantCulture);
        string mode = Convert.ToString(attributes.Mode, 8);
        string content = attributes.Type == ObjectType.File ? SumOf(fs, target, attributes.SizeBytes) : "";
        lines.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"{path}\0{kind} {mode} {attributes.Uid} {attributes.Gid} {size} {links} {Time(attributes.AccessTime.Nanoseconds, fractions)} {Time(attributes.ModifyTime.Nanoseconds, fractions)} {link} {content}"));
        if (!directory)
            return;
        ReadOnlyMemory<byte> after = default;
        OperationResult listed;
        do
        {
            listed = fs.Must(new ReadDirectory(target, after, 1000, 1 << 20));
            foreach (DirectoryEntry entry in listed.Entries!)
            {
                string name = Encoding.Latin1.GetString(entry.Name.Span);
                Add(fs, entry.Object, path.Length == 0 ? name : path + "/" + name, fractions, lines);
                after = entry.Name;
            }
        }
        while (!listed.EndOfData);
    }

    private static string SumOf(FileServiceDriver fs, ObjectId file, ulong size)
    {
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (ulong offset = 0; offset < size; offset += 1 << 20)
            sum.AppendData(fs.Read(file, offset, 1 << 20));
        return Convert.ToHexStringLower(sum.GetHashAndReset());
    }

    // As find shows times: with ten digits.
    private static string Time(long nanoseconds, bool fractions) => fractions
        ? string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1_000_000_000}.{nanoseconds % 1_000_000_000:D9}0")
        : (nanoseconds / 1_000_000_000).ToString(CultureInfo.InvariantCulture);

    private static string Run(string directory, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.Latin1,
        };
        start.Environment["LC_ALL"] = "C";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
