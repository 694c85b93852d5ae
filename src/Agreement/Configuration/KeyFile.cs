using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Agreement.Crypto;

namespace Agreement.Configuration;

/// <summary>
/// A party's secrets: PEM text with up to three parts: <c>ZZFS PRIVATE KEY</c> (<see cref="Identity.ExportPrivate"/>; who
/// only administers has none), <c>CERTIFICATE</c> and <c>PRIVATE KEY</c> (TLS of the control plane).
/// </summary>
public sealed class KeyFile : IDisposable
{
    private const string IdentityLabel = "ZZFS PRIVATE KEY";
    private const UnixFileMode OthersBits =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Puts the parts together, and owns them.</summary>
    /// <param name="identity">Keys of messages and links, or null for an administrator.</param>
    /// <param name="certificate">TLS certificate with its private key.</param>
    public KeyFile(Identity? identity, X509Certificate2 certificate)
    {
        Identity = identity;
        Certificate = certificate;
    }

    /// <summary>Keys of messages and links; null for an administrator.</summary>
    public Identity? Identity { get; }

    /// <summary>TLS certificate with its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>SHA-256 over a certificate's DER form, which the cluster file pins.</summary>
    public static byte[] Fingerprint(X509Certificate2 certificate) => SHA256.HashData(certificate.RawData);

    /// <summary>Reads a key file that nobody but its owner may touch.</summary>
    /// <exception cref="ConfigurationException">It can't be read, is open to others, or is no key file.</exception>
    public static KeyFile Load(string path)
    {
        byte[] bytes = ConfigurationFiles.ReadAll(path);
        if ((File.GetUnixFileMode(path) & OthersBits) != 0)
            throw new ConfigurationException($"{path}: the key is open to group or others, so make it private with chmod 600");
        string text = Encoding.UTF8.GetString(bytes);
        try
        {
            return Parse(text);
        }
        catch (Exception error) when (error is FormatException or CryptographicException or ArgumentException)
        {
            throw new ConfigurationException($"{path}: not a key file of zzfs", error);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Makes a new key file with mode 0600.</summary>
    /// <exception cref="ConfigurationException">It is there already or can't be written.</exception>
    public void Save(string path)
    {
        using ECDsa tlsKey = Certificate.GetECDsaPrivateKey()
            ?? throw new InvalidOperationException("the certificate has no private key");
        var text = new StringBuilder();
        if (Identity is not null)
            text.Append(PemEncoding.WriteString(IdentityLabel, Identity.ExportPrivate())).Append('\n');
        text.Append(Certificate.ExportCertificatePem()).Append('\n').Append(tlsKey.ExportPkcs8PrivateKeyPem()).Append('\n');
        ConfigurationFiles.Create(path, text.ToString(), ConfigurationFiles.Secret);
    }

    /// <summary>The identity of a party that must have one.</summary>
    /// <exception cref="ConfigurationException">The file at <paramref name="path"/> was an administrator's.</exception>
    public Identity RequireIdentity(string path) =>
        Identity ?? throw new ConfigurationException($"{path}: holds no keys for messages and links");

    /// <inheritdoc/>
    public void Dispose()
    {
        Identity?.Dispose();
        Certificate.Dispose();
    }

    private static KeyFile Parse(string text)
    {
        Identity? identity = null;
        ReadOnlySpan<char> rest = text;
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            if (rest[fields.Label] is IdentityLabel)
                identity = Identity.Import(Convert.FromBase64String(rest[fields.Base64Data].ToString()));
            rest = rest[fields.Location.End..];
        }

        return new KeyFile(identity, X509Certificate2.CreateFromPem(text, text));
    }
}
