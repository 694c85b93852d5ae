using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ZZFs.Stores;

/// <summary>
/// Keeps a store to one process, and to the commands that it started: one of them may still be at work on the store when
/// the process has died.
/// </summary>
public sealed class StoreLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly SafeFileHandle file;
    private readonly Lock starts = new();

    private StoreLock(SafeFileHandle file) => this.file = file;

    /// <summary>Takes the lock, which the kernel lets go of with the last process that has it.</summary>
    /// <param name="path">A file, which is made.</param>
    /// <param name="store">What messages call the store.</param>
    /// <exception cref="StoreException">Another process has it, and keeps it for some seconds, or the file can't be made.</exception>
    public static StoreLock Hold(string path, string store)
    {
        SafeFileHandle file = Open(path, store);
        long start = Stopwatch.GetTimestamp();
        while (TreeCalls.Lock(file, TreeCalls.LockExclusive | TreeCalls.LockNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == TreeCalls.ErrorAgain && Stopwatch.GetElapsedTime(start) < Patience)
            {
                Thread.Sleep(Pause);
                continue;
            }

            file.Dispose();
            throw new StoreException(error == TreeCalls.ErrorAgain
                ? $"the store {store} is in use by another process"
                : $"the lock {path} failed: {Descriptor.Reason(error)}");
        }

        return new StoreLock(file);
    }

    /// <summary>Starts a process that shares the lock as long as it lives.</summary>
    public Process StartSharing(ProcessStartInfo start)
    {
        // Several threads start commands.
        lock (starts)
        {
            Inherit(true);
            try
            {
                return Process.Start(start)!;
            }
            finally
            {
                Inherit(false);
            }
        }
    }

    /// <summary>Lets go of it.</summary>
    public void Dispose() => file.Dispose();

    // Not by the runtime's own locks: it lets go of those, for the commands as well, when it closes a file.
    private static unsafe SafeFileHandle Open(string path, string store)
    {
        const int flags = TreeCalls.OpenReadWrite | TreeCalls.OpenCreate | TreeCalls.OpenCloseOnExec;
        fixed (byte* terminated = Encoding.UTF8.GetBytes(path + "\0"))
        {
            int descriptor = TreeCalls.OpenAt(TreeCalls.WorkingDirectory, terminated, flags, 0x180);
            return descriptor >= 0
                ? new SafeFileHandle(descriptor, ownsHandle: true)
                : throw new StoreException($"the lock {path} of the store {store} can't be made: {Descriptor.Reason(Marshal.GetLastPInvokeError())}");
        }
    }

    private void Inherit(bool inherit)
    {
        if (TreeCalls.ControlDescriptor(file, TreeCalls.SetDescriptorFlags, inherit ? 0 : TreeCalls.CloseOnExec) != 0)
            throw new StoreException($"the lock of a store failed: {Descriptor.Reason(Marshal.GetLastPInvokeError())}");
    }
}
