using System.Security.Cryptography;
using ZZFs.Bench;

namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed class LargeTests(Area area)
{
    private const long Gibibyte = 1L << 30;
    private const int ChunkBytes = 1 << 20;
    private const int Names = 20_000;

    [MountedFact]
    public void A_gibibyte_is_written_and_read_back()
    {
        var (directory, _) = area.NewDirectory("gibibyte");
        var path = Path.Combine(directory, "file");
        var content = new BenchContent(1);
        var chunk = new byte[ChunkBytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 0))
        {
            for (var offset = 0L; offset < Gibibyte; offset += ChunkBytes)
            {
                content.Fill(0, offset, chunk);
                hash.AppendData(chunk);
                file.Write(chunk);
            }

            file.Flush(flushToDisk: true);
        }

        Assert.Equal(Gibibyte, new FileInfo(path).Length);
        DropCaches();
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0))
        {
            for (var offset = 0L; offset < Gibibyte; offset += ChunkBytes)
            {
                file.ReadExactly(chunk);
                var wrong = content.FirstWrong(0, offset, chunk);
                Assert.True(wrong < 0, $"the byte at offset {offset + wrong} is wrong");
            }

            Assert.Equal(0, file.Read(chunk));
        }

        DropCaches();
        var sum = Tool.Run("sha256sum", ["file"], directory, bound: TimeSpan.FromMinutes(5)).Succeeded();
        Assert.StartsWith(Convert.ToHexStringLower(hash.GetHashAndReset()), sum, StringComparison.Ordinal);
        File.Delete(path);
    }

    [MountedFact]
    public void A_directory_holds_twenty_thousand_names()
    {
        var (directory, second) = area.NewDirectory("names");
        for (var index = 0; index < Names; index++)
        {
            File.Create(Path.Combine(directory, $"entry-{index:d5}"), 1).Dispose();
        }

        Assert.Equal(Expected(_ => true), Listed(directory));
        Assert.Equal(Expected(_ => true), Listed(second));

        for (var index = 0; index < Names; index += 2)
        {
            File.Delete(Path.Combine(directory, $"entry-{index:d5}"));
        }

        Assert.Equal(Expected(index => index % 2 == 1), Listed(directory));

        // rm reads the directory while it empties it: no name may be skipped.
        Tool.Run("rm", ["-r", directory]).Succeeded();
        Assert.False(Directory.Exists(directory));
    }

    private static IEnumerable<string> Expected(Func<int, bool> isKept) =>
        Enumerable.Range(0, Names).Where(isKept).Select(index => $"entry-{index:d5}");

    private static IEnumerable<string> Listed(string directory) =>
        Tool.Run("ls", ["-U", directory]).Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal);

    private static void DropCaches()
    {
        // Only root may; for others the second mount and the checksums still read past their own caches' age.
        if (Machine.IsRoot)
        {
            Tool.Shell("sync; echo 3 > /proc/sys/vm/drop_caches").Succeeded();
        }
    }
}
