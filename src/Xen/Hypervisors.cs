using Agreement.Configuration;
using Xen.Machines;

namespace Xen;

/// <summary>Makes what the cluster file chooses.</summary>
public static class Hypervisors
{
    // Saving writes all memory of a machine.
    private static readonly TimeSpan CommandBound = TimeSpan.FromMinutes(5);

    /// <summary>For one guest; nothing is started yet.</summary>
    /// <param name="choice">What the cluster file says.</param>
    /// <param name="program">What to run where there are only processes.</param>
    /// <param name="folder">Where the controller may keep the memory of a machine; exists.</param>
    /// <exception cref="HypervisorException">The file of the domain is wrong.</exception>
    public static IHypervisor Open(HypervisorChoice choice, GuestProgram program, string folder) => choice.Kind switch
    {
        HypervisorKind.Xl => new XlHypervisor(
            new ToolRunner("xl", CommandBound), choice.Domain, Path.Combine(folder, "memory"), MachineTiming.Default),
        HypervisorKind.Libvirt => new LibvirtHypervisor(
            new ToolRunner("virsh", CommandBound), choice.Connection, choice.Domain, MachineTiming.Default),
        _ => new ProcessHypervisor(program),
    };
}
