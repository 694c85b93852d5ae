using System.Globalization;

namespace Xen.Freezing;

/// <summary>
/// Holds a process by a control group of its own. Version 2 (cgroups(7), <c>cgroup.freeze</c>) lets a frozen process be
/// killed; the older freezer (<c>freezer.state</c>) kills it only once it is thawed.
/// </summary>
internal sealed class CgroupFreezer : IFreezer
{
    private readonly string folder;
    private readonly bool isVersion2;

    /// <summary>For the control group <paramref name="folder"/>, which need not exist.</summary>
    public CgroupFreezer(string folder, bool isVersion2)
    {
        this.folder = folder;
        this.isVersion2 = isVersion2;
    }

    public string Name => isVersion2 ? "cgroup2" : "cgroup1";

    public string JoinFile => Path.Combine(folder, "cgroup.procs");

    /// <summary>Whether groups can be made, joined and frozen here: tried out, since mounts and rights differ.</summary>
    public static bool IsUsable(string folder, bool isVersion2)
    {
        var probe = new CgroupFreezer(folder, isVersion2);
        try
        {
            probe.Prepare(frozen: false);
            return File.Exists(probe.JoinFile) && File.Exists(probe.SwitchFile) && probe.TryRemove();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public void Prepare(bool frozen)
    {
        Directory.CreateDirectory(folder);
        Switch(frozen);
    }

    public void SetFrozen(int process, bool frozen)
    {
        // Whoever cleared up behind a dead guest took the group with it; nobody is left to be let go.
        if (frozen || Directory.Exists(folder))
            Switch(frozen);
    }

    public bool IsFrozen(int process) => isVersion2
        ? File.ReadLines(Path.Combine(folder, "cgroup.events")).Contains("frozen 1")
        : File.ReadAllText(SwitchFile).TrimEnd() == "FROZEN";

    public IReadOnlyList<int> Members()
    {
        try
        {
            return [.. File.ReadLines(JoinFile).Select(line => int.Parse(line, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [];
        }
    }

    public bool TryRemove()
    {
        try
        {
            // Not recursive: what looks like files in a control group can't be deleted, and goes with it.
            if (Directory.Exists(folder))
                Directory.Delete(folder);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private string SwitchFile => Path.Combine(folder, isVersion2 ? "cgroup.freeze" : "freezer.state");

    private void Switch(bool frozen)
    {
        string word = isVersion2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");
        // Opened without creating or truncating, as the kernel wants these files to be written.
        using var file = new FileStream(SwitchFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        file.Write(System.Text.Encoding.ASCII.GetBytes(word));
    }
}
