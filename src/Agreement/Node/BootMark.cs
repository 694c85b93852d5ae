namespace Agreement.Node;

/// <summary>
/// A file beside the log that says under which boot of the machine the node runs, and whether it stopped cleanly: after a
/// reboot without a clean stop the end of the log may be lost, which the death of a process alone can't cause.
/// </summary>
/// <remarks>One line: the kernel's boot id, a space, and <c>running</c> or <c>stopped</c>.</remarks>
internal sealed class BootMark
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";
    private const string Running = "running";
    private const string Stopped = "stopped";

    private readonly string path;
    private readonly string bootId;

    private BootMark(string path, string bootId)
    {
        this.path = path;
        this.bootId = bootId;
    }

    /// <summary>Reads what a former life left; it stays until <see cref="Start"/>.</summary>
    /// <param name="folder">The node's data folder, which exists.</param>
    /// <param name="mayHaveLostWrites">Whether the machine went down since, and not after a clean stop.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static BootMark Open(string folder, out bool mayHaveLostWrites)
    {
        var mark = new BootMark(Path.Combine(folder, "boot"), File.ReadAllText(BootIdFile).Trim());
        mayHaveLostWrites = false;
        if (File.Exists(mark.path))
        {
            string[] words = File.ReadAllText(mark.path).Trim().Split(' ');
            mayHaveLostWrites = words is not [_, Stopped] && words[0] != mark.bootId;
        }

        return mark;
    }

    /// <summary>
    /// Notes that the node runs under this boot. What follows from the former mark must be on disk by then, or a node that
    /// dies in between would forget it.
    /// </summary>
    public void Start() => Write(Running);

    /// <summary>Notes a clean stop; everything else must be on disk by then.</summary>
    public void Stop() => Write(Stopped);

    // Not in place: a mark that is torn by a loss of power would say nothing.
    private void Write(string state) => DurableFile.Replace(path, System.Text.Encoding.ASCII.GetBytes($"{bootId} {state}\n"));
}
