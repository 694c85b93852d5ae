namespace Mounted;

/// <summary>
/// An ext4 file system in an image file, mounted through a loop device: a disk that can lose power. What the kernel has not
/// written to it yet is in the page cache of the mounted file system, and not in the image. Disposing unmounts it, which
/// frees the loop device too.
/// </summary>
internal sealed class LoopDisk : IDisposable
{
    // The journal's own period is put off, and what is dirty waits for 30 s by default: within that time only what programs
    // sync reaches the image.
    private const string Options = "loop,commit=300";

    // A disk holds one state at the moment when the power goes: if the kernel wrote to the image while it was copied, the copy
    // may be of several. A file that nobody synced shows that the page cache was lost; it is a new one each time, since ext4
    // writes back at once what takes a file's place. Processes that were killed may stay as zombies, without a command line.
    private const string PowerLoss = """
        disk=$1 image=$2 copy=$3 options=$4 cluster=$5 program=$6
        unsynced=$disk/unsynced-$$
        shift 6
        echo everything > "$unsynced"
        kill -9 "$@"
        for process in "$@"; do
          while [ -n "$(cat "/proc/$process/cmdline" 2> /dev/null | tr -d '\0')" ]; do sleep 0.02; done
        done
        attempt=1
        until cp --sparse=always "$image" "$copy" && cmp -s "$image" "$copy"; do
          attempt=$((attempt + 1))
          if [ $attempt -gt 5 ]; then echo "the kernel wrote to the image each time while it was copied" >&2; exit 1; fi
        done
        before=$(cat "$cluster"/a*/data/log/*.log | wc -c)
        umount "$disk"
        rm "$image"
        mount -o "$options" "$copy" "$disk"
        kept=$(cat "$unsynced" 2> /dev/null || true)
        after=$(cat "$cluster"/a*/data/log/*.log | wc -c)
        boot=$(cat /proc/sys/kernel/random/uuid)
        sed -i "s/^[^ ]*/$boot/" "$cluster"/*/data/boot
        "$program" up "$cluster" > /dev/null
        echo "$((before - after)) ${kept:-nothing}"
        """;

    private static readonly TimeSpan CleanUpBound = TimeSpan.FromSeconds(45);

    private readonly string _folder;
    private string _image;
    private int _losses;

    private LoopDisk(string folder)
    {
        _folder = folder;
        _image = Path.Combine(folder, "disk-0.img");
        MountPoint = Path.Combine(folder, "disk");
    }

    /// <summary>Where it is mounted, before and after a loss of power.</summary>
    public string MountPoint { get; }

    /// <summary>Makes an empty one in a folder, and mounts it.</summary>
    public static LoopDisk Create(string folder, int mebibytes)
    {
        var disk = new LoopDisk(folder);
        Directory.CreateDirectory(disk.MountPoint);
        Tool.Run("truncate", ["-s", $"{mebibytes}M", disk._image]).Succeeded();
        // No thread of the kernel may go on initializing it while it is copied.
        Tool.Run("mkfs.ext4", ["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", disk._image]).Succeeded();
        Tool.Run("mount", ["-o", Options, disk._image, disk.MountPoint]).Succeeded();
        return disk;
    }

    /// <summary>
    /// The machines of a cluster that lies on it lose power, and boot again: its nodes die at once, the file system is then what
    /// its journal makes of what had reached the disk, the kernel's boot id is another, and the nodes are started.
    /// </summary>
    /// <param name="cluster">The cluster directory.</param>
    /// <param name="program">Starts the nodes.</param>
    /// <param name="nodes">The processes on it, in the order in which they die.</param>
    /// <returns>
    /// A program that does all of it, and prints how many bytes of the agreement replicas' logs were lost, and <c>nothing</c> if the disk kept
    /// nothing of a file that was written just before and not synced. It is one program, because a
    /// process with open files of a mount that waits can't start others: their exec would wait for the files to be flushed.
    /// </returns>
    public Tool LosePower(string cluster, string program, IEnumerable<int> nodes)
    {
        var copy = Path.Combine(_folder, $"disk-{++_losses}.img");
        var tool = Tool.Start(
            "sh", ["-euc", PowerLoss, "sh", MountPoint, _image, copy, Options, cluster, program, .. nodes.Select(node => $"{node}")]);
        _image = copy;
        return tool;
    }

    public void Dispose()
    {
        if (Cluster.IsMounted(MountPoint))
        {
            Tool.TryRun("umount", [MountPoint], CleanUpBound);
        }

        if (Cluster.IsMounted(MountPoint))
        {
            Tool.TryRun("umount", ["-l", MountPoint], CleanUpBound);
        }
    }
}
