using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ZZFs.Fuse;

/// <summary>
/// Mounting as an ordinary user, by the set-user-ID program fusermount3: it opens the device, mounts, and passes the
/// descriptor over the Unix socket whose number is in _FUSE_COMMFD.
/// </summary>
internal static unsafe class Fusermount
{
    private const string Program = "fusermount3";

    /// <summary>Mounts. See <see cref="Mount.Attach"/>.</summary>
    public static SafeFileHandle Attach(MountOptions options, string target)
    {
        if (options.AllowSetUserId || options.AllowDevices)
            throw new MountException("Only root can mount with set-user-ID bits or device nodes.");
        int* pair = stackalloc int[2];
        if (NativeCalls.SocketPair(NativeCalls.AddressFamilyUnix, NativeCalls.SocketStream, 0, pair) != 0)
            throw new MountException($"No socket for {Program}: {LastError()}.");
        try
        {
            // Only the other end is for the program to inherit.
            _ = NativeCalls.Control(pair[0], NativeCalls.SetDescriptorFlags, NativeCalls.CloseOnExec);
            string problem = Run(["-o", OptionsOf(options), "--", target], pair[1]);
            _ = NativeCalls.Close(pair[1]);
            pair[1] = -1;
            int descriptor = problem.Length == 0 ? ReceiveDescriptor(pair[0]) : -1;
            if (descriptor < 0)
                throw new MountException($"{target} can't be mounted on: {(problem.Length == 0 ? "no descriptor came" : problem)}.");
            int flags = NativeCalls.Control(descriptor, NativeCalls.GetFlags, 0);
            _ = NativeCalls.Control(descriptor, NativeCalls.SetFlags, flags | NativeCalls.OpenNonBlocking);
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }
        finally
        {
            _ = NativeCalls.Close(pair[0]);
            if (pair[1] >= 0)
                _ = NativeCalls.Close(pair[1]);
        }
    }

    /// <summary>Unmounts. See <see cref="Mount.Detach"/>.</summary>
    public static void Detach(string target, bool lazy)
    {
        string problem = Run(lazy ? ["-u", "-z", "--", target] : ["-u", "--", target], null);
        if (problem.Length > 0)
            throw new MountException($"{target} can't be unmounted: {problem}.");
    }

    private static string OptionsOf(MountOptions options)
    {
        // A comma or a backslash in a value would start another option.
        string source = options.Source.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
        string text = $"fsname={source},subtype=zzfs,default_permissions";
        return text + (options.ReadOnly ? ",ro" : "") + (options.AllowOther ? ",allow_other" : "");
    }

    /// <summary>Runs the program to its end; empty if it succeeded, else what it said.</summary>
    private static string Run(string[] arguments, int? socket)
    {
        ProcessStartInfo start = new(Program, arguments) { RedirectStandardError = true, UseShellExecute = false };
        if (socket is int descriptor)
            start.Environment["_FUSE_COMMFD"] = descriptor.ToString(CultureInfo.InvariantCulture);
        try
        {
            using Process process = Process.Start(start)!;
            string said = process.StandardError.ReadToEnd().Trim().TrimEnd('.');
            process.WaitForExit();
            return process.ExitCode == 0 ? "" : said.Length > 0 ? said : $"{Program} failed";
        }
        catch (Win32Exception)
        {
            return $"{Program} is not installed (package fuse3), and only root can mount without it";
        }
    }

    /// <summary>Receives one descriptor (SCM_RIGHTS, unix(7)); -1 when none came.</summary>
    private static int ReceiveDescriptor(int socket)
    {
        // cmsghdr: length 8, level 4, type 4; then the descriptor and padding.
        const int headerBytes = 16;
        byte content;
        byte* control = stackalloc byte[headerBytes + 8];
        NativeCalls.IoVector vector = new() { Base = &content, Length = 1 };
        NativeCalls.MessageHeader message = new()
        {
            Vectors = &vector,
            VectorCount = 1,
            Control = control,
            ControlLength = headerBytes + 8,
        };
        nint received;
        do
        {
            received = NativeCalls.ReceiveMessage(socket, &message, NativeCalls.ReceiveCloseOnExec);
        }
        while (received < 0 && Marshal.GetLastPInvokeError() == NativeCalls.ErrorInterrupted);
        if (received <= 0 || message.ControlLength < headerBytes + sizeof(int))
            return -1;
        bool isDescriptor = *(int*)(control + 8) == NativeCalls.SocketLevel && *(int*)(control + 12) == NativeCalls.PassDescriptors;
        return isDescriptor ? *(int*)(control + headerBytes) : -1;
    }

    private static string LastError() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
}
