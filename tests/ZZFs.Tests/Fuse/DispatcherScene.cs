using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Fuse;
using ZZFs.Tests.Client;

namespace ZZFs.Tests.Fuse;

/// <summary>A dispatcher over plain memory: requests in as bytes, replies out as bytes.</summary>
internal sealed class DispatcherScene : IReplySink, ICallerSource
{
    private ulong lastUnique = 100;

    public DispatcherScene(bool initialized = true)
    {
        Dispatcher = new Dispatcher(Client.Client, this, this, Warnings.Add);
        if (initialized)
            Assert.Equal(Errno.None, Request(Opcode.Init, 0, InitBody(7, 41, ulong.MaxValue)).Error);
    }

    public ClientScene Client { get; } = new();

    /// <summary>Whether the callers of all requests are being killed.</summary>
    public bool CallersDie { get; set; }

    public bool IsDying(uint processId) => CallersDie;

    public Dispatcher Dispatcher { get; }

    public List<(ulong Unique, Errno Error, byte[] Body)> Replies { get; } = [];

    public List<string> Warnings { get; } = [];

    /// <summary>What the kernel says of replies: false is that nobody waits any more.</summary>
    public bool Accepts { get; set; } = true;

    public static byte[] InitBody(uint major, uint minor, ulong flags)
    {
        MessageWriter writer = new();
        writer.WriteUInt32(major);
        writer.WriteUInt32(minor);
        writer.WriteUInt32(128 << 10);
        writer.WriteUInt32((uint)flags);
        writer.WriteUInt32((uint)(flags >> 32));
        writer.Reserve(44).Clear();
        return writer.ToArray();
    }

    public static byte[] Body(params object[] parts)
    {
        MessageWriter writer = new();
        foreach (object part in parts)
        {
            switch (part)
            {
                case uint number:
                    writer.WriteUInt32(number);
                    break;
                case int number:
                    writer.WriteUInt32((uint)number);
                    break;
                case ulong number:
                    writer.WriteUInt64(number);
                    break;
                case string name:
                    writer.WriteRaw(ClientScene.Bytes(name));
                    writer.WriteByte(0);
                    break;
                case byte[] raw:
                    writer.WriteRaw(raw);
                    break;
                default:
                    throw new ArgumentException("No such part.");
            }
        }

        return writer.ToArray();
    }

    public static byte[] Frame(Opcode opcode, ulong unique, ulong node, byte[] body)
    {
        MessageWriter writer = new();
        writer.WriteUInt32((uint)(FuseAbi.RequestHeaderBytes + body.Length));
        writer.WriteUInt32((uint)opcode);
        writer.WriteUInt64(unique);
        writer.WriteUInt64(node);
        writer.WriteUInt32(1000);
        writer.WriteUInt32(1000);
        writer.WriteUInt32(42);
        writer.WriteUInt32(0);
        writer.WriteRaw(body);
        return writer.ToArray();
    }

    public bool Send(ReadOnlySpan<byte> head, ReadOnlySpan<byte> data)
    {
        Assert.Equal((uint)(head.Length + data.Length), BinaryPrimitives.ReadUInt32LittleEndian(head));
        Errno error = (Errno)(-BinaryPrimitives.ReadInt32LittleEndian(head[4..]));
        Replies.Add((BinaryPrimitives.ReadUInt64LittleEndian(head[8..]), error, [.. head[FuseAbi.ReplyHeaderBytes..], .. data]));
        return Accepts;
    }

    public Credentials Find(uint uid, uint gid, uint processId) => new(uid, gid, [7]);

    /// <summary>Sends a request without waiting for its reply. Returns its number.</summary>
    public ulong Begin(Opcode opcode, ulong node, byte[] body)
    {
        ulong unique = ++lastUnique;
        Deliver(Frame(opcode, unique, node, body));
        return unique;
    }

    public void Deliver(byte[] request) => Client.Loop.Run(() =>
    {
        Dispatcher.Dispatch(request, null);
        return 0;
    });

    /// <summary>Sends a request whose reply must come at once.</summary>
    public (Errno Error, byte[] Body) Request(Opcode opcode, ulong node, byte[] body)
    {
        ulong unique = Begin(opcode, node, body);
        (_, Errno error, byte[] reply) = Assert.Single(Replies, item => item.Unique == unique);
        return (error, reply);
    }
}
