using System.Runtime.InteropServices;

namespace Agreement.Node;

// The values are those of Linux on x86-64 and arm64, which agree on all of these.
internal static unsafe partial class Libc
{
    public const int ErrorAccess = 13;
    public const int ErrorTooManyInSystem = 23;
    public const int ErrorTooManyInProcess = 24;
    public const int ErrorAddressInUse = 98;
    public const int ErrorAddressNotAvailable = 99;
    public const int ErrorInProgress = 115;

    public const int FamilyIPv4 = 2;
    public const int FamilyIPv6 = 10;
    public const int SocketStream = 1;
    public const int SocketNonBlocking = 0x800;
    public const int SocketCloseOnExec = 0x80000;

    public const int LevelSocket = 1;
    public const int OptionReuseAddress = 2;
    public const int OptionError = 4;
    public const int OptionKeepAlive = 9;

    public const int LevelTcp = 6;
    public const int OptionNoDelay = 1;
    public const int OptionKeepIdle = 4;
    public const int OptionKeepInterval = 5;
    public const int OptionKeepCount = 6;
    public const int OptionDeferAccept = 9;
    public const int OptionCongestion = 13;
    public const int OptionUserTimeout = 18;

    /// <summary>A dead peer must be an error of the call, not a SIGPIPE.</summary>
    public const int MessageNoSignal = 0x4000;

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int descriptor, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int descriptor, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static partial int Connect(int descriptor, byte* address, uint addressBytes);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int descriptor, byte* address, uint addressBytes);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    public static partial int Listen(int descriptor, int backlog);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    public static partial int Accept(int descriptor, byte* address, uint* addressBytes, int flags);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetLocalAddress(int descriptor, byte* address, uint* addressBytes);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetOption(int descriptor, int level, int option, int* value, uint* valueBytes);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetOption(int descriptor, int level, int option, int* value, uint valueBytes);
}
