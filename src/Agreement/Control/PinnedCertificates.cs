using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Messages;

namespace Agreement.Control;

/// <summary>
/// Decides by fingerprint who is who in TLS. Names, dates and issuers of certificates play no part: the cluster file pins
/// every certificate, which also holds when an issuer's key is stolen or a clock is wrong.
/// </summary>
internal sealed class PinnedCertificates(ClusterFile cluster, ControlCounters counters)
{
    private readonly SortedSet<Digest> pins =
        [.. cluster.Parties.Select(party => new Digest(party.Certificate.Span)), new Digest(cluster.Administrator.Span)];

    /// <summary>TLS of a client that expects one certain server.</summary>
    public static SslClientAuthenticationOptions ForClient(X509Certificate2 own, ReadOnlyMemory<byte> server)
    {
        var expected = new Digest(server.Span);
        return new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificates = [own],
            LocalCertificateSelectionCallback = (_, _, _, _, _) => own,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null && Fingerprint(certificate).Equals(expected),
        };
    }

    /// <summary>TLS of a server that takes anybody whom the cluster file knows.</summary>
    public SslServerAuthenticationOptions ForServer(X509Certificate2 own) => new()
    {
        EnabledSslProtocols = SslProtocols.Tls13,
        ServerCertificate = own,
        ClientCertificateRequired = true,
        ApplicationProtocols = [SslApplicationProtocol.Http2],
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = (_, certificate, _, _) => IsKnown(certificate),
    };

    /// <summary>SHA-256 of a certificate (DER), which is what the cluster file names.</summary>
    public static Digest Fingerprint(X509Certificate certificate) => Digest.Of(certificate.GetRawCertData());

    private bool IsKnown(X509Certificate? certificate)
    {
        if (certificate is not null && pins.Contains(Fingerprint(certificate)))
            return true;
        counters.CountUnknownCertificate();
        return false;
    }
}
