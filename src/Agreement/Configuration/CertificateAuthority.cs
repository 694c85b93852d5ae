using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Agreement.Configuration;

/// <summary>
/// Issues the certificates of one cluster. The control plane pins each certificate by its fingerprint in the cluster
/// file, so neither names nor dates nor this authority decide who gets in; it exists so that ordinary TLS tools can be
/// pointed at the cluster.
/// </summary>
public sealed class CertificateAuthority : IDisposable
{
    private static readonly DateTimeOffset NotBefore = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset NotAfter = new(2099, 12, 31, 0, 0, 0, TimeSpan.Zero);
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 certificate;

    /// <summary>Makes an authority with a fresh key.</summary>
    /// <param name="volume">The cluster's volume, part of the name.</param>
    public CertificateAuthority(VolumeId volume)
    {
        var request = new CertificateRequest($"CN=zzfs {volume}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        certificate = request.CreateSelfSigned(NotBefore, NotAfter);
    }

    /// <summary>The authority's certificate, in PEM.</summary>
    public string CertificatePem => certificate.ExportCertificatePem() + "\n";

    /// <summary>The authority's private key, in PEM.</summary>
    public string KeyPem => key.ExportPkcs8PrivateKeyPem() + "\n";

    /// <summary>Issues a certificate with a fresh key, for both ends of TLS; the caller owns it.</summary>
    /// <param name="name">The party.</param>
    /// <param name="host">Where it serves, if it does.</param>
    public X509Certificate2 Issue(string name, IPAddress? host)
    {
        using ECDsa partyKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", partyKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        if (host is not null)
            names.AddIpAddress(host);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(certificate, NotBefore, NotAfter, RandomNumberGenerator.GetBytes(16));
        return issued.CopyWithPrivateKey(partyKey);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        certificate.Dispose();
        key.Dispose();
    }
}
