namespace Agreement.Control;

/// <summary>What the control plane refused; counted by the threads that serve it.</summary>
internal sealed class ControlCounters
{
    private ulong unknownCertificates;
    private ulong failedHandshakes;

    /// <summary>A peer had no certificate, or one that the cluster file doesn't know.</summary>
    public void CountUnknownCertificate() => Interlocked.Increment(ref unknownCertificates);

    /// <summary>A connection ended before TLS was up, whatever the cause.</summary>
    public void CountFailedHandshake() => Interlocked.Increment(ref failedHandshakes);

    public SortedDictionary<string, ulong> Snapshot() => new(StringComparer.Ordinal)
    {
        ["control-failed-handshake"] = Interlocked.Read(ref failedHandshakes),
        ["control-unknown-certificate"] = Interlocked.Read(ref unknownCertificates),
    };
}
