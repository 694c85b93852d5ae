using System.Runtime.InteropServices;

namespace Xen;

/// <summary>Signals to processes, and the bond of a guest process to its controller.</summary>
public static partial class ProcessSignals
{
    /// <summary>Environment variable that holds the process id of a guest's controller.</summary>
    public const string ParentVariable = "ZZFS_CONTROLLER_PROCESS";

    private const int SetParentDeathSignal = 1; // PR_SET_PDEATHSIG
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;

    /// <summary>Asks a process to end. One that is gone is no error.</summary>
    public static void Terminate(int process) => _ = Kill(process, SigTerm);

    /// <summary>Ends a process by force. One that is gone is no error.</summary>
    public static void Kill(int process) => _ = Kill(process, SigKill);

    /// <summary>
    /// In a guest's program, called at its start: it shall be killed when its controller dies, whatever kills that one. Does
    /// nothing in a program that no controller started.
    /// </summary>
    /// <returns>False when the controller is dead already: the program must end.</returns>
    /// <remarks>
    /// The kernel takes the death of the <em>thread</em> that started the guest for the parent's death, so controllers start
    /// guests from a thread that lives as long as they do (<see cref="SpawningThread"/>).
    /// </remarks>
    public static bool DieWithController()
    {
        string? controller = Environment.GetEnvironmentVariable(ParentVariable);
        if (controller is null)
            return true;
        _ = ProcessControl(SetParentDeathSignal, SigKill, 0, 0, 0);
        // It may have died before the line above; then we have another parent by now, and no signal will come.
        return int.TryParse(controller, out int expected) && GetParent() == expected;
    }

    /// <summary>Stops all threads of a process until <see cref="Continue"/>.</summary>
    internal static bool Stop(int process) => Kill(process, SigStop) == 0;

    /// <summary>Undoes <see cref="Stop"/>.</summary>
    internal static bool Continue(int process) => Kill(process, SigCont) == 0;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int GetParent();

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
}
