namespace Xen.Tests;

/// <summary>A test that calls virsh. Without it, it is skipped, and fails in continuous integration.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class VirshFactAttribute : FactAttribute
{
    public VirshFactAttribute()
    {
        if (!IsInstalled && Environment.GetEnvironmentVariable("CI") != "true")
            Skip = "virsh is missing; install the package libvirt-clients.";
    }

    private static bool IsInstalled =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "virsh")));
}
