using Agreement.Messages;
using ZZFs.Digests;

namespace ZZFs.Tests.Digests;

public class DigestTreeTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(256, 1)]
    [InlineData(257, 2)]
    [InlineData(65_536, 2)]
    [InlineData(65_537, 3)]
    [InlineData(1L << 32, 4)]
    public void The_height_holds_the_leaves(ulong leaves, int height) => Assert.Equal(height, DigestTree.Height(leaves));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Changing_the_tree_gives_what_building_it_anew_gives(int seed)
    {
        var random = new Random(seed);
        var nodes = new MapNodes();
        var leaves = new SortedDictionary<ulong, Digest>();
        ulong count = 1;
        Digest root = default;
        for (int step = 0; step < 400; step++)
        {
            ulong bound = random.Next(4) switch { 0 => 3, 1 => 300, 2 => 70_000, _ => count };
            switch (random.Next(3))
            {
                case 0:
                    ulong size = (ulong)random.NextInt64(1, (long)bound + 1);
                    if (size < count)
                        root = Cleared(size, count - 1);
                    root = DigestTree.Resize(nodes, root, count, size);
                    count = size;
                    break;
                case 1:
                    ulong first = (ulong)random.NextInt64((long)count);
                    root = Cleared(first, (ulong)random.NextInt64((long)first, (long)count));
                    break;
                default:
                    var edits = new SortedDictionary<ulong, Digest>();
                    for (int i = random.Next(1, 20); i > 0; i--)
                        edits[(ulong)random.NextInt64((long)count)] = random.Next(4) == 0 ? default : Digest.Of(BitConverter.GetBytes(random.Next()));
                    foreach ((ulong leaf, Digest digest) in edits)
                        leaves[leaf] = digest;
                    root = DigestTree.Set(nodes, root, count, [.. edits.Select(edit => new DigestEdit(edit.Key, edit.Value))]);
                    break;
            }

            var fresh = new MapNodes();
            Assert.Equal(Naive(leaves, count, fresh), root);

            // No node is left behind either.
            Assert.Equal(fresh.Nodes.Keys, nodes.Nodes.Keys);
        }

        Digest Cleared(ulong first, ulong last)
        {
            foreach (ulong leaf in leaves.Keys.Where(leaf => leaf >= first && leaf <= last).ToList())
                leaves.Remove(leaf);
            return DigestTree.Clear(nodes, root, count, first, last);
        }
    }

    // Level by level, from the definition.
    private static Digest Naive(SortedDictionary<ulong, Digest> leaves, ulong count, MapNodes nodes)
    {
        var level = leaves.Where(leaf => !leaf.Value.IsZero).ToDictionary(leaf => leaf.Key, leaf => leaf.Value);
        for (int height = 1; height <= DigestTree.Height(count); height++)
        {
            var above = new Dictionary<ulong, Digest>();
            foreach (var group in level.GroupBy(one => one.Key / 256))
            {
                byte[] children = new byte[(group.Max(one => one.Key % 256) + 1) * Digest.SizeBytes];
                foreach ((ulong child, Digest digest) in group)
                    digest.CopyTo(children.AsSpan((int)(child % 256) * Digest.SizeBytes));
                above[group.Key] = Digest.Of([1, (byte)height, .. children]);
                nodes.Write(height, group.Key, children);
            }

            level = above;
        }

        return level.GetValueOrDefault(0UL);
    }

    private sealed class MapNodes : IDigestNodes
    {
        public SortedDictionary<(int Level, ulong Number), byte[]> Nodes { get; } = [];

        public byte[]? Read(int level, ulong number, in Digest expected) => Nodes.GetValueOrDefault((level, number));

        public void Write(int level, ulong number, ReadOnlySpan<byte> children) => Nodes[(level, number)] = children.ToArray();

        public void Remove(int level, ulong first, ulong last)
        {
            foreach (var key in Nodes.Keys.Where(key => key.Level == level && key.Number >= first && key.Number <= last).ToList())
                Nodes.Remove(key);
        }
    }
}
