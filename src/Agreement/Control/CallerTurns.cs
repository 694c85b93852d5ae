using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Agreement.Messages;

namespace Agreement.Control;

/// <summary>
/// Lets each caller have one call at a time where calls cost processor time (signatures), so that nobody, however many
/// connections it opens, keeps the others waiting for longer than one call of each. As large as the cluster file has parties.
/// </summary>
internal sealed class CallerTurns
{
    private readonly ConcurrentDictionary<Digest, bool> busy = new();

    /// <summary>Begins a call; false while another of the same caller is being served.</summary>
    public bool TryBegin(X509Certificate2 caller) => busy.TryAdd(PinnedCertificates.Fingerprint(caller), true);

    /// <summary>Ends it.</summary>
    public void End(X509Certificate2 caller) => busy.TryRemove(PinnedCertificates.Fingerprint(caller), out _);
}
