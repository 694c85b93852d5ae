using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>
/// Extended attributes of users and of the administrator. As with NFS (RFC 8276), those of the local security modules and
/// ACLs, which the cluster would not enforce, are not supported; saying so costs no round trip, and the kernel and
/// <c>ls -l</c> ask for them often.
/// </content>
public sealed partial class ClientFileSystem
{
    /// <summary>GETXATTR.</summary>
    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> GetXattrAsync(
        Credentials caller, ulong nodeId, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        if (!IsSupportedXattr(name.Span))
            return Errno.EOPNOTSUPP;
        OperationResult result = await SubmitAsync(caller, new GetXattr(node.Id, name), cancellation);
        return result.Error == Errno.None ? result.Data ?? default : result.Error;
    }

    /// <summary>LISTXATTR: the names, each followed by NUL.</summary>
    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> ListXattrsAsync(
        Credentials caller, ulong nodeId, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        OperationResult result = await SubmitAsync(caller, new ListXattrs(node.Id), cancellation);
        return result.Error == Errno.None ? result.Data ?? default : result.Error;
    }

    /// <summary>SETXATTR; <paramref name="flags"/> as in <see cref="SetXattr"/>.</summary>
    public async ValueTask<Errno> SetXattrAsync(
        Credentials caller,
        ulong nodeId,
        ReadOnlyMemory<byte> name,
        ReadOnlyMemory<byte> value,
        byte flags,
        CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        if (!IsSupportedXattr(name.Span))
            return Errno.EOPNOTSUPP;
        if (name.Length > Specification.MaximumXattrNameBytes)
            return Errno.ERANGE;
        if (value.Length > Specification.MaximumXattrValueBytes)
            return Errno.E2BIG;
        return (await ChangeAsync(node, caller, new SetXattr(node.Id, name, value, flags), cancellation)).Error;
    }

    /// <summary>REMOVEXATTR.</summary>
    public async ValueTask<Errno> RemoveXattrAsync(
        Credentials caller, ulong nodeId, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        if (!IsSupportedXattr(name.Span))
            return Errno.EOPNOTSUPP;
        return (await ChangeAsync(node, caller, new RemoveXattr(node.Id, name), cancellation)).Error;
    }

    private static bool IsSupportedXattr(ReadOnlySpan<byte> name) => name.StartsWith("user."u8) || name.StartsWith("trusted."u8);
}
