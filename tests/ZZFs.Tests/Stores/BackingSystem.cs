using System.Diagnostics;

namespace ZZFs.Tests.Stores;

/// <summary>
/// A file system that a test made for itself, on a file, as root. A shell holds it, and takes it down when this is disposed
/// or this process dies in whatever way: its input then ends.
/// </summary>
public abstract class BackingSystem : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private readonly Process shell;

    /// <summary>Makes it.</summary>
    /// <param name="makeAndHold">
    /// A script that makes it in the directory $1, prints "ready", reads its input to the end and takes everything down.
    /// </param>
    protected BackingSystem(string makeAndHold)
    {
        Folder = Directory.CreateTempSubdirectory("zzfs-backing-").FullName;
        File.SetUnixFileMode(Folder, File.GetUnixFileMode(Folder) | UnixFileMode.OtherExecute | UnixFileMode.GroupExecute);

        // A session of its own: who stops the tests with Ctrl-C must not stop the cleaning up.
        var start = new ProcessStartInfo("setsid", ["-w", "sh", "-c", makeAndHold, "sh", Folder])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] += ":/usr/sbin:/sbin";
        shell = Process.Start(start)!;
        Task<string> errors = shell.StandardError.ReadToEndAsync();
        Task<string?> ready = shell.StandardOutput.ReadLineAsync();
        bool inTime = ready.Wait(Bound);
        if (inTime && ready.Result == "ready")
            return;
        Dispose();
        throw new InvalidOperationException($"The backing file system can't be made: {(inTime ? errors.Result : "it takes too long")}");
    }

    /// <summary>Its mount point.</summary>
    public string Path => System.IO.Path.Combine(Folder, "mount");

    /// <summary>Holds the file and the mount point; goes with this.</summary>
    protected string Folder { get; }

    /// <summary>Takes it down.</summary>
    public void Dispose()
    {
        shell.StandardInput.Close();
        if (!shell.WaitForExit(Bound))
            throw new InvalidOperationException($"The backing file system {Path} can't be taken down.");
        shell.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Why such a file system can't be made here; null if it can.</summary>
    internal static string? Obstacle(string tool, string package) =>
        !Environment.IsPrivilegedProcess ? "It needs root."
        : !HasTool(tool) ? $"{tool} is missing; install the package {package}."
        : null;

    private static bool HasTool(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin").Split(':').Any(folder => File.Exists(System.IO.Path.Combine(folder, tool)));
}

/// <summary>btrfs on a file; without access times, which tests would change by looking.</summary>
public sealed class BtrfsSystem : BackingSystem
{
    public BtrfsSystem()
        : base(
            """
            cd "$1" && mkdir mount && truncate -s 4G image && mkfs.btrfs -q image >&2 && mount -o loop,noatime image mount && echo ready && cat >/dev/null
            cd / && { umount "$1/mount" 2>/dev/null || umount -l "$1/mount" 2>/dev/null; }
            rm -rf --one-file-system "$1"
            """)
    {
    }

    /// <summary>Why there is none here; null if there is.</summary>
    internal static string? WhyNot => Obstacle("mkfs.btrfs", "btrfs-progs");
}

/// <summary>A ZFS pool on a file; with zfs-fuse, whose daemon is started if it doesn't run.</summary>
public sealed class ZfsSystem : BackingSystem
{
    public ZfsSystem()
        : base(
            """
            pool=$(basename "$1"); daemon=
            if ! zpool list >/dev/null 2>&1; then
              zfs-fuse --no-daemon >/dev/null 2>&1 </dev/null & daemon=$!
              for i in $(seq 200); do zpool list >/dev/null 2>&1 && break; sleep 0.1; done
            fi
            cd "$1" && mkdir mount && truncate -s 4G image && zpool create -m "$1/mount" "$pool" "$1/image" && echo ready && cat >/dev/null
            cd /; for i in $(seq 50); do zpool destroy -f "$pool" 2>/dev/null; zpool list "$pool" >/dev/null 2>&1 || break; sleep 0.1; done
            umount -l "$1/mount" 2>/dev/null
            [ -z "$daemon" ] || { kill "$daemon"; wait "$daemon"; }
            rm -rf --one-file-system "$1"
            """)
    {
    }

    /// <summary>The pool's name.</summary>
    public string Pool => System.IO.Path.GetFileName(Folder);

    /// <summary>Why there is none here; null if there is.</summary>
    internal static string? WhyNot => Obstacle("zfs", "zfs-fuse");
}
