using ZZFs.Bench;

namespace ZZFs.Tests.Bench;

/// <summary>The real calls with one fault planted at a call that a test chooses.</summary>
internal sealed class FaultyFileSystem : IBenchFileSystem
{
    private readonly LinuxFileSystem _real = new();
    private int _writes;
    private int _reads;
    private int _lists;
    private int _unlinks;

    /// <summary>The write, counted from 1, in which one bit is flipped.</summary>
    public int WrongWrite { get; init; }

    /// <summary>The write that is lost.</summary>
    public int LostWrite { get; init; }

    /// <summary>The read whose last byte is wrong.</summary>
    public int WrongRead { get; init; }

    /// <summary>The listing that leaves its first name out.</summary>
    public int ShortList { get; init; }

    /// <summary>The unlink that does nothing.</summary>
    public int LostUnlink { get; init; }

    /// <summary>The write that fails as on a full disk.</summary>
    public int FullWrite { get; init; }

    /// <summary>Run at each write.</summary>
    public Action<int>? OnWrite { get; init; }

    public bool TryMakeDirectory(string path) => _real.TryMakeDirectory(path);

    public void RemoveDirectory(string path) => _real.RemoveDirectory(path);

    public int Open(string path, BenchOpen open, int mode) => _real.Open(path, open, mode);

    public int Read(int descriptor, Span<byte> buffer)
    {
        var count = _real.Read(descriptor, buffer);
        if (++_reads == WrongRead && count > 0)
        {
            buffer[count - 1] ^= 1;
        }

        return count;
    }

    public void Write(int descriptor, ReadOnlySpan<byte> buffer)
    {
        _writes++;
        OnWrite?.Invoke(_writes);
        if (_writes == FullWrite)
        {
            throw new BenchException("Cannot write a file: No space left on device.");
        }

        if (_writes == WrongWrite)
        {
            var wrong = buffer.ToArray();
            wrong[^1] ^= 0x10;
            _real.Write(descriptor, wrong);
        }
        else if (_writes != LostWrite)
        {
            _real.Write(descriptor, buffer);
        }
    }

    public void DropCache(int descriptor) => _real.DropCache(descriptor);

    public void Close(int descriptor) => _real.Close(descriptor);

    public void Unlink(string path)
    {
        if (++_unlinks != LostUnlink)
        {
            _real.Unlink(path);
        }
    }

    public BenchFileStatus Stat(string path) => _real.Stat(path);

    public IReadOnlyList<string> List(string path)
    {
        var names = _real.List(path);
        return ++_lists == ShortList ? [.. names.Skip(1)] : names;
    }

    public string ReadLink(string path) => _real.ReadLink(path);

    public void MakeSymbolicLink(string path, string target) => _real.MakeSymbolicLink(path, target);
}
