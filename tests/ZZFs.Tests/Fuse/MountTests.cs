namespace ZZFs.Tests.Fuse;

/// <summary>Real mounts, used by real programs. They need root and /dev/fuse, and fail where those are missing.</summary>
[Collection("mounts")]
public sealed class MountTests
{
    [Fact]
    public async Task Files_written_by_the_shell_read_back()
    {
        await using MountedVolume volume = await MountedVolume.StartAsync();
        Assert.Equal("hello", await volume.ShellAsync("echo hello > a; cat a"));
        Assert.Equal("6 100644", await volume.ShellAsync("umask 022; printf x > y; stat -c '%s' a | tr '\\n' ' '; stat -c '%f' y | sed s/81a4/100644/"));
    }
}
