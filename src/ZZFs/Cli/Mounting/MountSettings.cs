using System.Globalization;
using ZZFs.Client.FileSystem;
using ZZFs.Fuse;

namespace ZZFs.Cli.Mounting;

/// <summary>The mount options of <c>-o</c>, understood.</summary>
/// <param name="Fuse">What concerns the kernel and the caches.</param>
/// <param name="Patience">With <c>soft</c>: after this time an operation fails; null (<c>hard</c>, the default) waits.</param>
internal sealed record MountSettings(MountOptions Fuse, TimeSpan? Patience)
{
    /// <summary>Reads the options, the later ones winning.</summary>
    /// <exception cref="CommandException">One is unknown or has no sensible value.</exception>
    public static MountSettings Parse(IReadOnlyList<string> options)
    {
        var fuse = new MountOptions { MountPoint = "", AllowOther = Environment.IsPrivilegedProcess };
        CacheOptions caches = fuse.Caches;
        bool soft = false;
        double timeout = 30;
        foreach (string option in options)
        {
            (string name, string? value) = option.Split('=', 2) is [var left, var right] ? (left, right) : (option, null);
            switch (name)
            {
                case "ro" when value is null:
                    fuse = fuse with { ReadOnly = true };
                    break;
                case "rw" or "defaults" or "nosuid" or "nodev" or "exec" or "async" when value is null:
                // Reads leave access times alone in any case, and the kernel keeps none of its own for FUSE.
                case "noatime" or "nodiratime" or "relatime" or "strictatime" when value is null:
                    break;
                case "suid" when value is null:
                    fuse = fuse with { AllowSetUserId = true };
                    break;
                case "dev" when value is null:
                    fuse = fuse with { AllowDevices = true };
                    break;
                case "allow_other" when value is null:
                    fuse = fuse with { AllowOther = true };
                    break;
                case "nonempty" when value is null:
                    fuse = fuse with { AllowNonEmpty = true };
                    break;
                case "strict" when value is null:
                    caches = CacheOptions.NoCaching;
                    break;
                case "hard" when value is null:
                    soft = false;
                    break;
                case "soft" when value is null:
                    soft = true;
                    break;
                case "timeout":
                    timeout = Number(name, value, 0.1, 86_400);
                    break;
                case "attr_timeout":
                    caches = caches with { AttributeMilliseconds = (long)(Number(name, value, 0, 3600) * 1000) };
                    break;
                case "entry_timeout":
                    caches = caches with { NameMilliseconds = (long)(Number(name, value, 0, 3600) * 1000) };
                    break;
                default:
                    throw new CommandException(
                        ExitCode.Usage,
                        $"unknown mount option {option}; known are ro, rw, suid, dev, allow_other, nonempty, strict, hard, soft, timeout=SECONDS, attr_timeout=SECONDS, entry_timeout=SECONDS");
            }
        }

        return new MountSettings(fuse with { Caches = caches }, soft ? TimeSpan.FromSeconds(timeout) : null);
    }

    private static double Number(string name, string? value, double least, double most) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number >= least && number <= most
            ? number
            : throw new CommandException(ExitCode.Usage, $"mount option {name} takes a number of seconds from {least} to {most}");
}
