using System.Runtime.InteropServices;
using Agreement.Configuration;

namespace ZZFs.Cli;

/// <summary>On whose behalf the program runs.</summary>
internal static partial class CurrentUser
{
    /// <summary>Effective user and group, who own the root of what they make.</summary>
    public static RootOwner Owner => new(EffectiveUser(), EffectiveGroup());

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint EffectiveGroup();
}
