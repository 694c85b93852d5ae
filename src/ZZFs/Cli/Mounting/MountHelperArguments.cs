namespace ZZFs.Cli.Mounting;

/// <summary>
/// Understands how mount(8) calls its helpers: as <c>mount.fuse.zzfs DIR MOUNTPOINT [-sfnv] [-t TYPE] [-o OPTIONS]</c>, or,
/// through mount.fuse3, as <c>zzfs DIR MOUNTPOINT -o OPTIONS</c>.
/// </summary>
internal static class MountHelperArguments
{
    /// <summary>Turns such a call into one of <c>zzfs mount</c>; anything else comes back as it is.</summary>
    /// <param name="invokedAs">The program's name as called, without folder.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="commands">Names of all commands: a first argument among them is never a directory.</param>
    public static IReadOnlyList<string> Rewrite(string invokedAs, IReadOnlyList<string> arguments, IReadOnlyCollection<string> commands)
    {
        bool isHelper = invokedAs is "mount.fuse.zzfs" or "mount.zzfs";
        bool isBare = arguments.Count >= 2 && !arguments[0].StartsWith('-') && !commands.Contains(arguments[0]) && LooksLikeSource(arguments[0]);
        if (!isHelper && !isBare)
            return arguments;
        var rewritten = new List<string> { "mount" };
        for (int index = 0; index < arguments.Count; index++)
        {
            switch (arguments[index])
            {
                // mount(8): sloppy, no mtab, verbose. None of them changes anything here.
                case "-s" or "-n" or "-v":
                    break;
                case "-f":
                    rewritten.Add("--fake");
                    break;
                case "-t":
                    index++;
                    break;
                case string argument:
                    rewritten.Add(argument);
                    break;
            }
        }

        return rewritten;
    }

    /// <summary>The directory in a source as mount(8) names it: <c>zzfs#DIR</c> is its old way to name the program, too.</summary>
    public static string Directory(string source) => source.StartsWith("zzfs#", StringComparison.Ordinal) ? source[5..] : source;

    private static bool LooksLikeSource(string argument) =>
        argument.StartsWith("zzfs#", StringComparison.Ordinal) || System.IO.Directory.Exists(argument);
}
