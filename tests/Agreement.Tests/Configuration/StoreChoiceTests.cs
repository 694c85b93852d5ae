using Agreement.Configuration;

namespace Agreement.Tests.Configuration;

public class StoreChoiceTests
{
    [Theory]
    [InlineData("embedded", StoreKind.Embedded, "")]
    [InlineData("btrfs:/srv/pool", StoreKind.Btrfs, "/srv/pool")]
    [InlineData("btrfs:/", StoreKind.Btrfs, "/")]
    [InlineData("btrfs:/with space:and colon", StoreKind.Btrfs, "/with space:and colon")]
    [InlineData("zfs:tank", StoreKind.Zfs, "tank")]
    [InlineData("zfs:tank/a.b/c_d-1:2", StoreKind.Zfs, "tank/a.b/c_d-1:2")]
    public void It_is_read_as_it_is_written(string text, StoreKind kind, string place)
    {
        Assert.True(StoreChoice.TryParse(text, out StoreChoice? choice));
        Assert.Equal(new StoreChoice(kind, place), choice);
        Assert.Equal(text, choice.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("tape")]
    [InlineData("embedded:")]
    [InlineData("btrfs")]
    [InlineData("btrfs:")]
    [InlineData("btrfs:relative")]
    [InlineData("btrfs:/a/../b")]
    [InlineData("btrfs:/a\nb")]
    [InlineData("zfs:")]
    [InlineData("zfs:/tank")]
    [InlineData("zfs:tank/")]
    [InlineData("zfs:tank//a")]
    [InlineData("zfs:-r")]
    [InlineData("zfs:tank@snapshot")]
    [InlineData("zfs:tank a")]
    public void What_is_none_is_refused(string text) => Assert.False(StoreChoice.TryParse(text, out _));
}
