namespace Mounted;

/// <summary>Trees with everything that archivers care about, and a description of a tree to compare copies by.</summary>
internal static class Manifest
{
    /// <summary>Makes a tree. Names that are no text and 255 bytes long, links of both kinds, all modes, a hole, old times.</summary>
    public static void MakeTree(string directory) => Tool.Shell(
        """
        mkdir -p plain/deep/deeper/deepest empty 'with space' "$(printf 'bad\377utf8')" "$(printf 'line\nbreak')" -- -dash
        for i in $(seq 1 60); do
          seq "$i" $((i * 37)) > "plain/file$i"
        done
        head -c 300000 /dev/urandom > plain/random
        : > plain/nothing
        echo deep > plain/deep/deeper/deepest/file
        echo odd > "$(printf 'bad\377utf8/new\nline\tand \\ backslash')"
        echo long > "$(printf '%0255d' 0)"
        echo quote > "with space/it's \"quoted\""
        echo dash > ./-dash/-rf
        echo dots > ./...
        ln plain/file1 plain/hard1
        ln plain/file1 'with space/hard1'
        ln plain/random hard-random
        ln -s plain/file1 link
        ln -s ../nowhere dangling
        ln -s "$(printf 'target\377with\nodd bytes')" odd-link
        mkfifo fifo
        truncate -s 8M hole
        printf 'in the middle' | dd of=hole bs=1 seek=5000000 conv=notrunc status=none
        i=0
        for mode in 000 400 644 755 777 4755 2755 1777 6711; do
          echo $mode > plain/mode$mode
          chmod $mode plain/mode$mode
        done
        chmod 2775 plain/deep
        chmod 1777 empty
        touch -d '1999-12-31 23:59:59.123456789 UTC' plain/file2
        touch -d '2038-01-19 03:14:08 UTC' plain/file3
        touch -h -d '2001-02-03 04:05:06.5 UTC' link
        """ + (Machine.IsRoot ? "\nchown 1234:5678 plain/file4\nchown -h 12:34 link\n" : ""),
        directory).Succeeded();

    /// <summary>Adds extended attributes; false where the file system under the directory has none.</summary>
    public static bool TryAddAttributes(string directory) => Tool.Shell(
        """
        setfattr -n user.short -v value plain/file1
        setfattr -n user.bytes -v 0x00ff0a0d plain/file5
        setfattr -n user.empty -v '' plain/file6
        setfattr -n user.long -v "$(head -c 1500 /dev/zero | tr '\0' x)" plain/file7
        setfattr -n user.dir -v on-a-directory plain/deep
        # Times of modification of what carries attributes are compared too.
        touch -d '2010-10-10 10:10:10 UTC' plain/deep
        """,
        directory).ExitCode == 0;

    /// <summary>A description of everything in a tree that a faithful copy keeps.</summary>
    public static string Of(string directory) => Tool.Shell(
        """
        export LC_ALL=C
        # Size and link count of a directory belong to the file system, not to the tree.
        find . -mindepth 1 \( -type d -printf '%p|d|%m|%U|%G|%T@\0' \) -o -printf '%p|%y|%m|%U|%G|%s|%n|%T@|%l\0' | sort -z | tr '\0' '\n'
        echo '-- hard links'
        find . -type f -links +1 -printf '%i %p\n' | sort -k 2 | awk '{ if (!($1 in first)) first[$1] = $2; print $2, first[$1] }'
        echo '-- contents'
        find . -type f -print0 | sort -z | xargs -0 sha256sum
        echo '-- attributes'
        if command -v getfattr >/dev/null; then
          find . \( -type f -o -type d \) -print0 | sort -z | xargs -0 getfattr -h -d -e hex -m '^user\.'
        fi
        """,
        directory).Succeeded();
}
