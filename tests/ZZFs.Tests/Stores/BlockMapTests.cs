using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

public class BlockMapTests
{
    private const ulong Last = (1UL << 30) - 1;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void It_is_a_set_of_blocks(int seed)
    {
        using SqliteDatabase database = SqliteDatabase.Open(":memory:");
        database.Execute(BlockMap.Schema);
        var map = new BlockMap(database);
        var model = new SortedSet<(uint Index, ulong Block)>();
        var random = new Random(seed);
        for (int step = 0; step < 20_000; step++)
        {
            uint index = (uint)random.Next(3);
            ulong block = Block(random);
            ulong last = Math.Max(block, random.Next(3) == 0 ? Math.Min(block + (ulong)random.Next(100), Last) : Block(random));
            switch (random.Next(8))
            {
                case 0 or 1 or 2:
                    Assert.Equal(!model.Add((index, block)), map.Add(index, block));
                    break;
                case 3:
                    Assert.Equal(model.Contains((index, block)), map.Has(index, block));
                    break;
                case 4 when random.Next(4) == 0:
                    Assert.Equal((ulong)model.RemoveWhere(one => one.Index == index && one.Block >= block && one.Block <= last), map.Remove(index, block, last));
                    break;
                case 5 when random.Next(50) == 0:
                    // Another reader of the same table sees all of it.
                    map.Flush();
                    map = new BlockMap(database);
                    break;
                default:
                    ulong? next = model.GetViewBetween((index, block), (index, last)).Select(one => (ulong?)one.Block).FirstOrDefault();
                    Assert.Equal(next, map.Next(index, block, last));
                    break;
            }
        }

        for (uint index = 0; index < 3; index++)
            map.Remove(index, 0, Last);
        map.Flush();
        Assert.Equal(0, database.QueryNumber("SELECT count(*) FROM allocation"));
    }

    // Near the bounds of words and chunks, near the start, and anywhere.
    private static ulong Block(Random random) => random.Next(4) switch
    {
        0 => (ulong)random.Next(130),
        1 => (ulong)((4096 * random.Next(1, 4)) + random.Next(-3, 3)),
        2 => Last - (ulong)random.Next(3),
        _ => (ulong)random.NextInt64(1 << 30),
    };
}
