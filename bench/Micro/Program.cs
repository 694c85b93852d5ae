using Micro;

// Prints microseconds for each operation of the embedded store. Arguments: files, transactions, MiB of the large file.
int[] sizes = [.. args.Select(int.Parse)];
string folder = Directory.CreateTempSubdirectory("zzfs-micro-").FullName;
try
{
    using var benchmark = new StoreBenchmark(Path.Combine(folder, "store.db"));
    benchmark.PostMark(sizes.ElementAtOrDefault(0) is > 0 and var files ? files : 20_000, sizes.ElementAtOrDefault(1) is > 0 and var count ? count : 50_000);
    benchmark.LargeFile(sizes.ElementAtOrDefault(2) is > 0 and var mebibytes ? mebibytes : 1024);
}
finally
{
    Directory.Delete(folder, recursive: true);
}
