namespace Xen.Freezing;

/// <summary>Finds the freezers that this machine has, best first.</summary>
internal static class Freezers
{
    /// <summary>The best that works here for a guest called <paramref name="name"/>.</summary>
    public static IFreezer Choose(string name)
    {
        foreach ((string folder, bool isVersion2) in CgroupFolders(name))
        {
            if (CgroupFreezer.IsUsable(folder, isVersion2))
                return new CgroupFreezer(folder, isVersion2);
        }

        return new StopSignalFreezer();
    }

    /// <summary>Every freezer in which an earlier guest of that name may be.</summary>
    public static IEnumerable<IFreezer> All(string name) =>
        [.. CgroupFolders(name).Where(place => Directory.Exists(place.Folder)).Select(place => new CgroupFreezer(place.Folder, place.IsVersion2)), new StopSignalFreezer()];

    /// <summary>Where control groups for a guest would be: below our own group in each hierarchy that can freeze.</summary>
    internal static List<(string Folder, bool IsVersion2)> CgroupFolders(string name) =>
        CgroupFolders(File.ReadAllLines("/proc/self/mountinfo"), File.ReadAllLines("/proc/self/cgroup"), name);

    /// <summary>The same, from the lines of proc(5) mountinfo and cgroups(7) /proc/PID/cgroup.</summary>
    internal static List<(string Folder, bool IsVersion2)> CgroupFolders(string[] mounts, string[] memberships, string name)
    {
        var folders = new List<(string Folder, bool IsVersion2)>();
        foreach (bool isVersion2 in (ReadOnlySpan<bool>)[true, false])
        {
            string? own = memberships
                .Select(line => line.Split(':', 3))
                .FirstOrDefault(parts => parts.Length == 3 && (isVersion2 ? parts[0] == "0" : parts[1].Split(',').Contains("freezer")))?[2];
            if (own is null)
                continue;
            foreach (string line in mounts)
            {
                // "36 35 0:31 root mountpoint options optional… - type source superoptions"
                string[] fields = line.Split(' ');
                int dash = Array.IndexOf(fields, "-");
                if (fields.Length < 6 || dash < 6 || dash + 3 >= fields.Length)
                    continue;
                bool fits = isVersion2
                    ? fields[dash + 1] == "cgroup2"
                    : fields[dash + 1] == "cgroup" && fields[dash + 3].Split(',').Contains("freezer");
                if (fits && Below(fields[3], own) is { } relative)
                    folders.Add((Path.Combine(fields[4], relative, name), isVersion2));
            }
        }

        return folders;
    }

    /// <summary>Our group relative to the part of the hierarchy that is mounted; null when it lies outside.</summary>
    private static string? Below(string root, string own)
    {
        if (root == "/")
            return own.TrimStart('/');
        if (own == root)
            return "";
        return own.StartsWith(root + "/", StringComparison.Ordinal) ? own[(root.Length + 1)..] : null;
    }
}
