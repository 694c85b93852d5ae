using ZZFs.Bench;

namespace ZZFs.Tests.Bench;

public sealed class BenchContentTests
{
    [Fact]
    public void Bytes_are_the_same_however_they_are_cut()
    {
        var content = new BenchContent(42);
        var whole = new byte[1000];
        content.Fill(7, 0, whole);

        for (var offset = 0; offset < 100; offset++)
        {
            var part = new byte[37];
            content.Fill(7, offset, part);
            Assert.Equal(whole[offset..(offset + 37)], part);
        }
    }

    [Fact]
    public void Every_wrong_byte_is_found_where_it_is()
    {
        var content = new BenchContent(42);
        var bytes = new byte[1500];
        for (var wrong = 0; wrong < bytes.Length; wrong += 101)
        {
            content.Fill(3, 5, bytes);
            Assert.Equal(-1, content.FirstWrong(3, 5, bytes));
            bytes[wrong] ^= 1;
            Assert.Equal(wrong, content.FirstWrong(3, 5, bytes));
        }
    }

    [Fact]
    public void Another_file_seed_or_offset_never_passes()
    {
        var bytes = new byte[64];
        new BenchContent(42).Fill(3, 0, bytes);

        Assert.NotEqual(-1, new BenchContent(42).FirstWrong(4, 0, bytes));
        Assert.NotEqual(-1, new BenchContent(43).FirstWrong(3, 0, bytes));
        Assert.NotEqual(-1, new BenchContent(42).FirstWrong(3, 8, bytes));
    }

    [Fact]
    public void A_check_that_compared_nothing_passes_nothing() => Assert.False(new Verification().Passed);
}
