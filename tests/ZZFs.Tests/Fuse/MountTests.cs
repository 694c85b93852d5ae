using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;
using ZZFs.Tests.Client;

namespace ZZFs.Tests.Fuse;

/// <summary>Real mounts, used by real programs. They need root and /dev/fuse, and fail where those are missing.</summary>
public abstract class MountTests : IDisposable
{
    private readonly ITestVolume files;

    private protected MountTests(ITestVolume files) => this.files = files;

    public static TheoryData<bool> Caching => [false, true];

    [Theory]
    [MemberData(nameof(Caching))]
    public async Task Shell_commands_see_what_they_did(bool strict)
    {
        await using MountedVolume volume = await StartAsync(strict);
        Assert.Equal("hello", await volume.ShellAsync("echo hello > a; cat a"));
        Assert.Equal("hello\nworld", await volume.ShellAsync("echo world >> a; cat a"));
        Assert.Equal("12", await volume.ShellAsync("stat -c %s a"));
        Assert.Equal("a b", await volume.ShellAsync("ln -s a b; echo *"));
        Assert.Equal("a 12", await volume.ShellAsync("readlink b | tr '\\n' ' '; stat -L -c %s b"));
        Assert.Equal("2 2", await volume.ShellAsync("ln a c; stat -c %h a c | tr '\\n' ' ' | sed 's/ $//'"));
        Assert.Equal("b c d", await volume.ShellAsync("mkdir d; mv a d/e; echo *"));
        Assert.Equal("e", await volume.ShellAsync("ls d"));
        Assert.Equal("640 1234 5678", await volume.ShellAsync("chmod 640 c; chown 1234:5678 c; stat -c '%a %u %g' c"));
        Assert.Equal("2001-02-03", await volume.ShellAsync("touch -d 2001-02-03 c; date -r c +%F"));
        Assert.Equal("prw", await volume.ShellAsync("mkfifo p; stat -c %A p | cut -c1-3"));
        Assert.Equal("", await volume.ShellAsync("rm -rf b c d p; ls -A"));
        Assert.Contains("1024", await volume.ShellAsync("df -m . | tail -1"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Caching))]
    public async Task Trees_copied_by_cp_and_tar_are_equal(bool strict)
    {
        await using MountedVolume volume = await StartAsync(strict);
        using TemporaryDirectory source = new();
        Bash($"mkdir -p '{source.Path}/x/y'; for i in $(seq 60); do head -c $((i * 997)) /dev/urandom > '{source.Path}/x/y/f'$i; done;"
            + $" ln -s ../nowhere '{source.Path}/x/link'; chmod 751 '{source.Path}/x'; touch -d 2010-01-01 '{source.Path}/x/y/f1'");
        await volume.ShellAsync($"cp -a '{source.Path}/x' copy; diff -r --no-dereference '{source.Path}/x' copy");
        await volume.ShellAsync($"tar -C '{source.Path}' -cf - x | tar -xf - ; diff -r --no-dereference '{source.Path}/x' x");
        string list = "find . -printf '%P %y %m %U %G %s %T@\\n' | grep -v ' d ' | sort";
        Assert.Equal(await volume.ShellAsync($"cd '{source.Path}/x'; {list}"), await volume.ShellAsync($"cd copy; {list}"));
        await volume.ShellAsync("tar -cf t.tar copy; mkdir z; tar -C z -xf t.tar; diff -r --no-dereference copy z/copy; rm -rf x copy z t.tar");
        Assert.Equal("", await volume.ShellAsync("ls -A"));
    }

    [Fact]
    public async Task Git_works()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        await volume.ShellAsync(
            "git init -q -b main r; cd r; git config user.email a@b; git config user.name n; for i in $(seq 30); do echo $i > f$i; done;"
            + " git add .; git commit -qm one; git mv f1 g1; echo x >> f2; git commit -qam two; git gc -q; git fsck --strict");
        Assert.Equal("two\none", await volume.ShellAsync("cd r; git status --porcelain; git log --format=%s"));
        await volume.ShellAsync("git clone -q r s; diff -r -x .git r s");
    }

    [Theory]
    [MemberData(nameof(Caching))]
    public async Task Large_files_survive(bool strict)
    {
        await using MountedVolume volume = await StartAsync(strict);
        using TemporaryDirectory local = new();
        Bash($"head -c 20000003 /dev/urandom > '{local.Path}/big'");
        await volume.ShellAsync($"dd if='{local.Path}/big' of=big bs=1M conv=fsync status=none; cmp big '{local.Path}/big'");
        await volume.ShellAsync($"dd if='{local.Path}/big' of=small bs=777 count=3000 status=none; cmp -n 2331000 small '{local.Path}/big'");
        // Drops the kernel's pages, so that all comes through the daemon once more.
        await volume.ShellAsync($"echo 3 > /proc/sys/vm/drop_caches; cmp big '{local.Path}/big'");
        await volume.ShellAsync($"dd if=big of=direct bs=64k iflag=direct oflag=direct status=none; cmp direct '{local.Path}/big'");
        await volume.ShellAsync($"dd if='{local.Path}/big' of=sync bs=4M oflag=sync count=2 status=none; cmp -n 8388608 sync big");
    }

    [Theory]
    [MemberData(nameof(Caching))]
    public async Task Mapped_memory_and_unlinked_files_work(bool strict)
    {
        await using MountedVolume volume = await StartAsync(strict);
        await volume.ShellAsync(
            """
            python3 - <<'X'
            import mmap, os
            f = open('m', 'w+b'); f.write(b'a' * 10000); f.flush()
            m = mmap.mmap(f.fileno(), 10000); m[5000:5005] = b'HELLO'; m.flush()
            assert m[0:3] == b'aaa'
            m.close(); f.close()
            assert open('m', 'rb').read()[4999:5006] == b'aHELLOa'
            f = open('u', 'w+b'); f.write(b'secret'); f.flush(); os.unlink('u')
            assert not os.path.exists('u')
            f.write(b's'); f.flush(); f.seek(0); assert f.read() == b'secrets', f.read()
            assert os.fstat(f.fileno()).st_nlink == 0 and os.fstat(f.fileno()).st_size == 7
            a = open('over', 'w'); a.write('old'); a.close(); r = open('over'); 
            b = open('new', 'w'); b.write('new'); b.close(); os.rename('new', 'over')
            assert r.read() == 'old' and open('over').read() == 'new'
            f.close(); r.close()
            X
            """);
        await WaitUntilAsync(volume, () => files.Execute(Credentials.Superuser, new GetStatistics()).Statistics!.UsedObjects == 3);
    }

    [Fact]
    public async Task Programs_run_from_the_mount()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        Assert.Equal("ran", await volume.ShellAsync("cp /bin/bash b; ./b -c 'echo ran'; printf '#!/bin/sh\\necho script\\n' > s; chmod +x s; ./s >/dev/null"));
    }

    [Theory]
    [MemberData(nameof(Caching))]
    public async Task System_calls_keep_their_promises(bool strict)
    {
        await using MountedVolume volume = await StartAsync(strict);
        await volume.ShellAsync(
            """
            python3 - <<'X'
            import os, errno, ctypes, fcntl, stat
            def fails(code, f, *a):
                try: f(*a)
                except OSError as e: assert e.errno == code, (e, code)
                else: assert False, 'no error'
            fd = os.open('a', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            fails(errno.EEXIST, os.open, 'a', os.O_CREAT | os.O_EXCL)
            os.write(fd, b'0123456789')
            assert os.pread(fd, 4, 3) == b'3456'
            os.pwrite(fd, b'xy', 20000)
            assert os.fstat(fd).st_size == 20002 and os.pread(fd, 3, 9) == b'9\0\0'
            os.ftruncate(fd, 5); assert os.pread(fd, 100, 0) == b'01234'
            os.truncate('a', 8); assert os.pread(fd, 100, 0) == b'01234\0\0\0'
            os.posix_fallocate(fd, 0, 100); assert os.fstat(fd).st_size == 100
            assert os.lseek(fd, 0, os.SEEK_HOLE) == 100 and os.lseek(fd, 0, os.SEEK_END) == 100
            os.pwrite(fd, b'copy me', 0)
            g = os.open('b', os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            assert os.copy_file_range(fd, g, 7, 0, 0) == 7 and os.pread(g, 10, 0) == b'copy me'
            assert os.open('b', os.O_RDWR | os.O_TRUNC) and os.pread(g, 10, 0) == b''
            app = os.open('a', os.O_WRONLY | os.O_APPEND); os.write(app, b'end'); os.fsync(app); os.fdatasync(fd)
            assert os.stat('a').st_size == 103
            os.setxattr('a', 'user.k', b'v'); assert os.getxattr('a', 'user.k') == b'v' and os.listxattr('a') == ['user.k']
            fails(errno.EEXIST, os.setxattr, 'a', 'user.k', b'w', os.XATTR_CREATE)
            os.removexattr('a', 'user.k'); fails(errno.ENODATA, os.getxattr, 'a', 'user.k')
            fails(errno.EOPNOTSUPP, os.setxattr, 'a', 'security.x', b'v')
            fails(errno.EOPNOTSUPP, os.open, '.', os.O_TMPFILE | os.O_RDWR)
            fails(errno.ENOTTY, fcntl.ioctl, fd, 0x1234)
            fails(errno.ENOENT, os.stat, 'none'); fails(errno.ENOTDIR, os.stat, 'a/x'); fails(errno.ENAMETOOLONG, os.mkdir, 'n' * 256)
            os.mkdir('d'); open('d/f', 'w').close(); fails(errno.ENOTEMPTY, os.rmdir, 'd')
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.renameat2(-100, b'a', -100, b'b', 1) == -1 and ctypes.get_errno() == errno.EEXIST
            assert libc.renameat2(-100, b'a', -100, b'b', 2) == 0 and os.stat('b').st_size == 103 and os.stat('a').st_size == 0
            os.chmod('a', 0o4755); os.setgroups([]); os.setgid(1000); os.setuid(1000)
            fails(errno.EACCES, os.open, 'new', os.O_CREAT | os.O_WRONLY)
            X
            """);
    }

    [Fact]
    public async Task A_write_takes_the_set_user_id_bit_away()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        await volume.ShellAsync("echo x > s; chmod 4777 s; chmod 777 .; su -s /bin/sh nobody -c 'echo y >> s'");
        Assert.Equal("777", await volume.ShellAsync("stat -c %a s"));
    }

    [Theory]
    [MemberData(nameof(Caching))]
    public async Task A_large_directory_lists_completely(bool strict)
    {
        await using MountedVolume volume = await StartAsync(strict);
        await volume.ShellAsync("mkdir d; cd d; for i in $(seq 5000); do : > file-$i; done");
        Assert.Equal("5000", await volume.ShellAsync("ls d | wc -l"));
        Assert.Equal("5000", await volume.ShellAsync("ls -l d | grep -c file-"));
        await volume.ShellAsync(
            """
            python3 - <<'X'
            import os
            names = os.listdir('d'); assert len(names) == len(set(names)) == 5000
            X
            """);
        await volume.ShellAsync("rm -r d");
    }

    [Fact]
    public async Task Many_processes_work_at_once()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        await volume.ShellAsync(
            """
            for p in $(seq 8); do
              ( mkdir d$p; for i in $(seq 50); do echo "$p $i" > d$p/f$i; test "$(cat d$p/f$i)" = "$p $i"; mv d$p/f$i d$p/g$i; done; rm d$p/g1 ) &
            done
            wait
            """);
        Assert.Equal("392", await volume.ShellAsync("cat d*/g* | wc -l"));
        await volume.ShellAsync("for p in $(seq 6); do ( for i in $(seq 100); do echo line >> log; done ) & done; wait");
        Assert.Equal("600", await volume.ShellAsync("grep -c '^line$' log"));
    }

    [Fact]
    public async Task Locks_exclude_and_waiters_can_be_interrupted()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        await volume.ShellAsync(
            """
            touch l; python3 - <<'X'
            import fcntl, os, signal, time
            for lock, unlock in ((lambda f, n: fcntl.flock(f, fcntl.LOCK_EX | n), None), (lambda f, n: fcntl.lockf(f, fcntl.LOCK_EX | n), None)):
                f = open('l', 'r+'); lock(f, 0)
                r, w = os.pipe()
                pid = os.fork()
                if pid == 0:
                    f.close(); g = open('l', 'r+')
                    try: lock(g, fcntl.LOCK_NB); os._exit(1)
                    except BlockingIOError: pass
                    class Alarm(Exception): pass
                    def raising(*_): raise Alarm()
                    signal.signal(signal.SIGALRM, raising); signal.setitimer(signal.ITIMER_REAL, 0.1)
                    try: lock(g, 0); os._exit(2)
                    except Alarm: pass
                    os.write(w, b'x'); lock(g, 0); os._exit(0)
                os.read(r, 1); f.close()
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            X
            """);
    }

    [Fact]
    public async Task A_killed_process_leaves_an_operation_that_does_not_answer()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        await volume.OnLoopAsync(() => volume.Submitter.Hold = static operation => operation is MakeDirectory);
        await volume.ShellAsync("set +e; timeout -s INT 0.3 mkdir d; test $? -ne 0");
        await volume.ShellAsync("set +e; timeout -s KILL 0.3 mkdir d; test $? -ne 0");
        Assert.True(await volume.OnLoopAsync(() => volume.Mount.Counters["fuse interrupts"]) >= 2);
        await volume.ShellAsync("echo alive > f");
    }

    [Fact]
    public async Task A_write_that_fails_later_is_told_at_close_and_at_fsync()
    {
        await using MountedVolume volume = await StartAsync(strict: false);
        await volume.OnLoopAsync(() => volume.Submitter.Intercept =
            static operation => operation is Write ? OperationResult.Failed(Errno.ENOSPC) : null);
        await volume.ShellAsync(
            """
            python3 - <<'X'
            import os, errno
            def code(f, *a):
                try: f(*a)
                except OSError as e: return e.errno
            fd = os.open('a', os.O_CREAT | os.O_WRONLY); os.write(fd, b'x')
            assert code(os.fsync, fd) == errno.ENOSPC
            assert code(os.fsync, fd) is None
            assert code(os.close, fd) == errno.ENOSPC
            fd = os.open('a', os.O_CREAT | os.O_WRONLY); os.write(fd, b'x'); e = os.dup(fd)
            assert code(os.close, e) == errno.ENOSPC
            assert code(os.fsync, fd) == errno.ENOSPC
            assert code(os.close, fd) is None
            X
            """);
    }

    [Fact]
    public async Task What_one_client_closed_the_other_opens()
    {
        await using MountedVolume one = await MountedVolume.StartAsync(files);
        await using MountedVolume two = await MountedVolume.StartAsync(files);
        for (int round = 0; round < 5; round++)
        {
            await one.ShellAsync($"echo one {round} > f; head -c {300_000 + round} /dev/zero | tr '\\0' {round} > big");
            Assert.Equal($"one {round}", await two.ShellAsync("cat f"));
            Assert.Equal(await one.ShellAsync("md5sum big"), await two.ShellAsync("md5sum big"));
            await two.ShellAsync($"echo two {round} > f");
            Assert.Equal($"two {round}", await one.ShellAsync("cat f"));
        }

        for (int round = 0; round < 5; round++)
        {
            await one.ShellAsync($"echo new {round} > tmp; mv tmp f");
            Assert.Equal($"new {round}", await two.ShellAsync("cat f"));
        }

        await one.ShellAsync("rm big; mkdir d; echo x > d/new");
        Assert.Equal("x", await two.ShellAsync("until test -f d/new; do :; done; cat d/new"));
        await Task.WhenAll(
            one.ShellAsync("for i in $(seq 100); do echo one >> log; done"),
            two.ShellAsync("for i in $(seq 100); do echo two >> log; done"));
        Assert.Equal("200", await one.ShellAsync("cat log | wc -l"));
    }

    [Fact]
    public async Task Locks_make_the_writes_of_other_clients_visible()
    {
        await using MountedVolume one = await MountedVolume.StartAsync(files);
        await using MountedVolume two = await MountedVolume.StartAsync(files);
        await one.ShellAsync("printf 000000 > n");
        const string count =
            """
            python3 - <<'X'
            import fcntl, os
            fd = os.open('n', os.O_RDWR)
            for i in range(100):
                fcntl.lockf(fd, fcntl.LOCK_EX)
                n = int(os.pread(fd, 6, 0)); os.pwrite(fd, b'%06d' % (n + 1), 0)
                fcntl.lockf(fd, fcntl.LOCK_UN)
            X
            """;
        await Task.WhenAll(one.ShellAsync(count), two.ShellAsync(count), one.ShellAsync(count));
        Assert.Equal("000300", await two.ShellAsync("cat n"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        (files as IDisposable)?.Dispose();
        GC.SuppressFinalize(this);
    }

    private Task<MountedVolume> StartAsync(bool strict) =>
        MountedVolume.StartAsync(files, caches: strict ? CacheOptions.NoCaching : null);

    private static async Task WaitUntilAsync(MountedVolume volume, Func<bool> condition)
    {
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            if (await volume.OnLoopAsync(condition))
                return;
        }

        Assert.Fail("The condition did not come about.");
    }

    private static void Bash(string command)
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start("bash", ["-euc", command]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private sealed class TemporaryDirectory : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("zzfs-local-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}

/// <summary>On plain memory.</summary>
[Collection("mounts")]
public sealed class MemoryMountTests() : MountTests(new MemoryFileSystem());

/// <summary>On the service and the store that replicas run.</summary>
[Collection("mounts")]
public sealed class StoreMountTests() : MountTests(new StoreVolume());
