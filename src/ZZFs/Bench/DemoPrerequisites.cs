namespace ZZFs.Bench;

/// <summary>What a machine has of what the demo needs.</summary>
/// <param name="IsRoot">Whether we may call mount(2).</param>
/// <param name="HasFusermount">Whether fusermount3 is there, through which ordinary users mount.</param>
/// <param name="HasDevice">Whether /dev/fuse is there.</param>
/// <param name="HasCompiler">Whether there is a C compiler.</param>
public sealed record DemoPrerequisites(bool IsRoot, bool HasFusermount, bool HasDevice, bool HasCompiler)
{
    /// <summary>Looks at this machine.</summary>
    public static DemoPrerequisites OfThisMachine() => new(
        Environment.IsPrivilegedProcess, ToolRunner.Find("fusermount3") is not null, File.Exists("/dev/fuse"), ToolRunner.Find("cc") is not null);

    /// <summary>Why the demo can't run, with the remedy; null if it can.</summary>
    public string? Obstacle =>
        !HasDevice ? "There is no /dev/fuse; load the kernel's module with: modprobe fuse."
        : !IsRoot && !HasFusermount ? "Mounting needs root or fusermount3; run with sudo, or install the package fuse3."
        : null;

    /// <summary>What the demo leaves out, with the remedy; null if nothing.</summary>
    public string? Omission =>
        HasCompiler ? null : "There is no C compiler (cc) on PATH, so Andrew's Make phase is left out; install gcc.";
}
