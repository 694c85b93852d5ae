using System.Globalization;

namespace Xen.Freezing;

/// <summary>
/// Holds a process by SIGSTOP, which needs no rights beyond sending it signals. Anybody who may send it SIGCONT can wake
/// it, so this is the last choice.
/// </summary>
internal sealed class StopSignalFreezer : IFreezer
{
    public string Name => "SIGSTOP";

    public string? JoinFile => null;

    public void Prepare(bool frozen)
    {
    }

    public void SetFrozen(int process, bool frozen)
    {
        if (frozen)
            _ = ProcessSignals.Stop(process);
        else
            _ = ProcessSignals.Continue(process);
    }

    public bool IsFrozen(int process)
    {
        try
        {
            string[] threads = Directory.GetDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/task"));
            return threads.Length > 0 && threads.All(IsStopped);
        }
        catch (IOException)
        {
            return false;
        }
    }

    public IReadOnlyList<int> Members() => [];

    public bool TryRemove() => true;

    private static bool IsStopped(string thread)
    {
        string stat = File.ReadAllText(Path.Combine(thread, "stat"));
        return stat[stat.LastIndexOf(')') + 2] == 'T';
    }
}
