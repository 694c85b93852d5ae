using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Tests.Client;

/// <summary>
/// Random use by one client: whatever is cached, gathered, held up or overtaken, each read must return what a plain array
/// would, and at the end the cluster must hold the same.
/// </summary>
public sealed class ModelTests
{
    private const ulong Root = 1;
    private const int LargestFileBytes = 400_000;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Caches_are_invisible_to_a_single_client(int seed) => Use(seed, null);

    [Theory]
    [InlineData(101)]
    [InlineData(102)]
    [InlineData(103)]
    public void The_replicas_own_service_counts_changes_as_the_caches_expect(int seed)
    {
        using StoreVolume volume = new();
        // The new root is its superuser's.
        volume.Execute(Credentials.Superuser, new SetAttributes(ObjectId.Root, AttributeMask.Mode, 0x1FF, 0, 0, 0, default, default, false));
        Use(seed, volume);
    }

    private static void Use(int seed, ITestVolume? volume)
    {
        Random random = new(seed);
        CacheOptions options = new() { DirtyBytes = 1 << 20, ContentBytes = 300_000, WholeFileBytes = 64 << 10 };
        ClientScene scene = new(options, volume);
        List<ModelFile> files = [.. Enumerable.Range(0, 4).Select(index => new ModelFile(scene, $"f{index}"))];
        for (int step = 0; step < 300; step++)
        {
            // Writes leave in any order and time, but always before somebody waits for them.
            bool holds = random.Next(3) == 0;
            scene.Submitter.Hold = operation => holds && operation is Write;
            files[random.Next(files.Count)].Step(random);
            scene.Submitter.Hold = static _ => false;
            scene.Loop.Run(() =>
            {
                scene.Submitter.Release(newestFirst: random.Next(2) == 0);
                return 0;
            });
            if (random.Next(10) == 0)
                scene.Loop.Advance(random.Next(5000));
        }

        files.ForEach(static file => file.CheckInCluster());
        Assert.Empty(scene.PagesForgotten);
    }

    private sealed class ModelFile
    {
        private readonly ClientScene scene;
        private readonly string name;
        private readonly List<(ulong Handle, bool Append)> handles = [];
        private readonly ulong node;
        private byte[] content = [];

        public ModelFile(ClientScene scene, string name)
        {
            this.scene = scene;
            this.name = name;
            CreatedFile created = scene.Create(Root, name);
            node = created.Entry.NodeId;
            handles.Add((created.File.Handle, false));
        }

        public void Step(Random random)
        {
            switch (random.Next(10))
            {
                case 0 or 1 or 2:
                    Write(random);
                    break;
                case 3 or 4 or 5:
                    Read(random);
                    break;
                case 6:
                    Truncate(random.Next(LargestFileBytes));
                    break;
                case 7:
                    OpenOrClose(random);
                    break;
                case 8:
                    Finish();
                    Assert.Equal((ulong)content.Length, scene.Stat(node).SizeBytes);
                    break;
                default:
                    Finish();
                    if (handles.Count > 0)
                        Assert.Equal(Errno.None, scene.Sync(handles[0].Handle));
                    break;
            }
        }

        public void CheckInCluster()
        {
            handles.ForEach(handle => Assert.Equal(Errno.None, scene.Close(handle.Handle)));
            ObjectId id = scene.Foreign(new Lookup(ObjectId.Root, ClientScene.Bytes(name))).Object!.Value;
            OperationResult read = scene.Foreign(new Read(id, 0, LargestFileBytes * 2, true));
            Assert.Equal(content, read.Data!.Value.ToArray());
        }

        private void Write(Random random)
        {
            if (handles.Count == 0)
                return;
            (ulong handle, bool append) = handles[random.Next(handles.Count)];
            byte[] data = new byte[random.Next(1, random.Next(4) == 0 ? 100_000 : 500)];
            random.NextBytes(data);
            int offset = append ? content.Length : random.Next(content.Length + 1000);
            if (offset + data.Length > LargestFileBytes)
                return;
            if (content.Length < offset + data.Length)
                Array.Resize(ref content, offset + data.Length);
            data.CopyTo(content, offset);
            Task<Outcome<uint>> written = scene.Loop.Run(() => scene.Client.WriteAsync(handle, (ulong)offset, data, default).AsTask());
            Finish();
            Assert.Equal((uint)data.Length, ManualLoop.Finished(written).Value);
        }

        private void Read(Random random)
        {
            if (handles.Count == 0)
                return;
            ulong handle = handles[random.Next(handles.Count)].Handle;
            int offset = random.Next(content.Length + 100);
            int count = random.Next(1, 200_000);
            Task<Outcome<ReadOnlyMemory<byte>>> read = scene.Loop.Run(() => scene.Client.ReadAsync(handle, (ulong)offset, (uint)count, default).AsTask());
            Finish();
            int expected = Math.Clamp(content.Length - offset, 0, count);
            Assert.True(content.AsSpan(Math.Min(offset, content.Length), expected).SequenceEqual(ManualLoop.Finished(read).Value.Span));
        }

        private void Truncate(int length)
        {
            SetAttributes size = new(default, AttributeMask.Size, 0, 0, 0, (ulong)length, default, default, true);
            Task<Outcome<NodeAttributes>> truncated = scene.Loop.Run(() => scene.Client.SetAttributesAsync(ClientScene.User, node, 0, size, default).AsTask());
            Finish();
            Assert.Equal((ulong)length, ManualLoop.Finished(truncated).Value.Attributes.SizeBytes);
            Array.Resize(ref content, length);
        }

        private void OpenOrClose(Random random)
        {
            if (handles.Count > 0 && random.Next(2) == 0)
            {
                int index = random.Next(handles.Count);
                Finish();
                Assert.Equal(Errno.None, scene.Close(handles[index].Handle));
                handles.RemoveAt(index);
                return;
            }

            bool append = random.Next(3) == 0;
            bool truncate = random.Next(6) == 0;
            OpenFlags flags = OpenFlags.ReadWrite | (append ? OpenFlags.Append : 0) | (truncate ? OpenFlags.Truncate : 0);
            Finish();
            OpenedFile file = scene.Open(node, flags);
            Assert.True(file.KeepPages);
            handles.Add((file.Handle, append));
            if (truncate)
                content = [];
        }

        /// <summary>Lets everything that is held go on.</summary>
        private void Finish()
        {
            scene.Submitter.Hold = static _ => false;
            for (int round = 0; round < 10 && scene.Submitter.HeldCount > 0; round++)
            {
                scene.Loop.Run(() =>
                {
                    scene.Submitter.Release(newestFirst: round == 0);
                    return 0;
                });
            }
        }
    }
}
