using Agreement.Messages;

namespace Agreement.Configuration;

/// <summary>Where the files of a cluster directory are.</summary>
public sealed class ClusterLayout
{
    /// <summary>For the directory <paramref name="directory"/>, which need not exist.</summary>
    public ClusterLayout(string directory) => Directory = Path.GetFullPath(directory);

    /// <summary>The cluster directory, absolute.</summary>
    public string Directory { get; }

    /// <summary>The cluster file.</summary>
    public string ClusterFile => Path.Combine(Directory, "cluster.json");

    /// <summary>Certificate (PEM) that issued all others, for tools that want one.</summary>
    public string AuthorityCertificate => Path.Combine(Directory, "authority.crt");

    /// <summary>Its private key (PEM), for adding parties; best kept elsewhere.</summary>
    public string AuthorityKey => Path.Combine(Directory, "authority.key");

    /// <summary>Key file of who runs the cluster.</summary>
    public string AdministratorKey => Path.Combine(Directory, "administrator.key");

    /// <summary>Locked while <c>zzfs up</c> or <c>zzfs down</c> works on the directory.</summary>
    public string Lock => Path.Combine(Directory, "lock");

    /// <summary>The folder of a party.</summary>
    public string Folder(PartyId party) => Path.Combine(Directory, party.ToString());

    /// <summary>A party's node file.</summary>
    public string NodeFile(PartyId party) => Path.Combine(Folder(party), "node.json");

    /// <summary>A party's key file.</summary>
    public string KeyFile(PartyId party) => Path.Combine(Folder(party), "node.key");

    /// <summary>What a node in the background prints.</summary>
    public string LogFile(PartyId party) => Path.Combine(Folder(party), "node.log");

    /// <summary>The process of a node in the background.</summary>
    public string PidFile(PartyId party) => Path.Combine(Folder(party), "node.pid");

    /// <summary>What a node keeps.</summary>
    public string DataFolder(PartyId party) => Path.Combine(Folder(party), "data");

    /// <summary>Locked by the mount that uses a client's keys.</summary>
    public string ClientLock(PartyId client) => Path.Combine(Folder(client), "lock");

    /// <summary>Reads the cluster file of the directory.</summary>
    /// <exception cref="ConfigurationException">There is none, or it is wrong.</exception>
    public Configuration.ClusterFile Load() => File.Exists(ClusterFile)
        ? Configuration.ClusterFile.Load(ClusterFile)
        : throw new ConfigurationException($"{Directory}: not a cluster directory, so make one with zzfs init");
}
