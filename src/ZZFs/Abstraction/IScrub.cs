using Agreement.Messages;

namespace ZZFs.Abstraction;

/// <summary>
/// Reads a checkpoint of a service again and compares it with its digests. <see cref="Run"/> may be called from another
/// thread, while the service goes on; what it counts may be read meanwhile. Disposing it lets go of the checkpoint.
/// </summary>
public interface IScrub : IDisposable
{
    /// <summary>Which checkpoint.</summary>
    SequenceNumber Number { get; }

    /// <summary>Bytes of content in it, about.</summary>
    ulong BytesTotal { get; }

    /// <summary>Bytes of content read so far.</summary>
    ulong BytesRead { get; }

    /// <summary>Objects looked at so far.</summary>
    ulong ObjectsRead { get; }

    /// <summary>How much was found so far.</summary>
    ulong DamageCount { get; }

    /// <summary>What was found, a line each with the path of the object; once <see cref="Run"/> has returned.</summary>
    IReadOnlyList<string> Found { get; }

    /// <summary>Does it all.</summary>
    /// <param name="mayGoOn">Asked often; when it says no, the rest is left out.</param>
    void Run(Func<bool> mayGoOn);
}
