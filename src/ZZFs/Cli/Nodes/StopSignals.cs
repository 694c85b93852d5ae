using System.Runtime.InteropServices;

namespace ZZFs.Cli.Nodes;

/// <summary>Turns SIGTERM and SIGINT into a call, for as long as it is not disposed.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly PosixSignalRegistration terminate;
    private readonly PosixSignalRegistration interrupt;

    /// <summary>Calls <paramref name="onStop"/>, on a thread of the pool, each time.</summary>
    public StopSignals(Action onStop)
    {
        void Handle(PosixSignalContext context)
        {
            context.Cancel = true;
            onStop();
        }

        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        terminate.Dispose();
        interrupt.Dispose();
    }
}
