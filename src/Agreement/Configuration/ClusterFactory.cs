using System.Globalization;
using System.Net;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Configuration;

/// <summary>What a new cluster shall be.</summary>
public sealed record ClusterPlan
{
    /// <summary>How many replicas of each kind may be faulty.</summary>
    public int F { get; init; } = 1;

    /// <summary>How many client keys to make.</summary>
    public int Clients { get; init; } = 4;

    /// <summary>Backing store of the execution replicas that <see cref="StoreOf"/> leaves out.</summary>
    public StoreChoice Store { get; init; } = StoreChoice.Embedded;

    /// <summary>Backing stores of single execution replicas, by index.</summary>
    public IReadOnlyDictionary<int, StoreChoice> StoreOf { get; init; } = new SortedDictionary<int, StoreChoice>();

    /// <summary>What holds the execution replicas that <see cref="HypervisorOf"/> leaves out.</summary>
    public HypervisorChoice Hypervisor { get; init; } = HypervisorChoice.Process;

    /// <summary>What holds single execution replicas, by index.</summary>
    public IReadOnlyDictionary<int, HypervisorChoice> HypervisorOf { get; init; } = new SortedDictionary<int, HypervisorChoice>();

    /// <summary>How execution replicas sleep.</summary>
    public SleepMode Sleep { get; init; } = SleepMode.Paused;

    /// <summary>When logs reach the disk.</summary>
    public Durability Durability { get; init; } = Durability.Fsync;

    /// <summary>Distance of checkpoints, in ordered numbers.</summary>
    public uint CheckpointInterval { get; init; } = ClusterFile.DefaultCheckpointInterval;

    /// <summary>Whether replicas obey orders to misbehave.</summary>
    public bool Chaos { get; init; }

    /// <summary>How much the volume may hold.</summary>
    public VolumeSize VolumeSize { get; init; } = new(1UL << 40, 1UL << 24);

    /// <summary>Who owns the root directory.</summary>
    public RootOwner RootOwner { get; init; } = new(0, 0);

    /// <summary>
    /// Hosts of the nodes, at least one: replica i of each kind, and controller i, go to host i modulo their number. Port 0
    /// means to find free ports on a host of this machine, and <see cref="PortFinder.DefaultPort"/> upward on another.
    /// </summary>
    public IReadOnlyList<IPEndPoint> Hosts { get; init; } = [new(IPAddress.Loopback, 0)];
}

/// <summary>Makes new clusters: keys, certificates, addresses and their directory.</summary>
public static class ClusterFactory
{
    /// <summary>
    /// Makes the directory of a new cluster. The cluster file is written last, so that a directory with one is whole; on an
    /// error, what was made is removed again.
    /// </summary>
    /// <exception cref="ConfigurationException">The directory isn't empty or can't be written, or the plan is impossible.</exception>
    public static ClusterFile Create(ClusterLayout layout, ClusterPlan plan)
    {
        Check(plan);
        bool existed = Directory.Exists(layout.Directory);
        if (File.Exists(layout.ClusterFile))
            throw new ConfigurationException($"{layout.Directory}: there is a cluster already");
        if (File.Exists(layout.Directory) || (existed && Directory.EnumerateFileSystemEntries(layout.Directory).Any()))
            throw new ConfigurationException($"{layout.Directory}: not an empty directory");
        try
        {
            Directory.CreateDirectory(layout.Directory);
            return Write(layout, plan);
        }
        catch (Exception error)
        {
            RemoveContent(layout.Directory, existed);
            if (error is IOException or UnauthorizedAccessException)
                throw new ConfigurationException($"{layout.Directory}: {ConfigurationFiles.Reason(error)}", error);
            throw;
        }
    }

    private static void Check(ClusterPlan plan)
    {
        if (plan.F is < 1 or > Limits.MaximumFaults)
            throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"f must be from 1 to {Limits.MaximumFaults}"));
        if (plan.Clients is < 1 or > ClusterFile.MaximumClients)
            throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"the number of clients must be from 1 to {ClusterFile.MaximumClients}"));
        CheckReplicas(plan, plan.StoreOf.Keys, "a store");
        CheckReplicas(plan, plan.HypervisorOf.Keys, "a hypervisor");
        CheckDomains(plan);
    }

    private static void CheckReplicas(ClusterPlan plan, IEnumerable<int> replicas, string what)
    {
        foreach (int replica in replicas)
        {
            if (replica < 0 || replica > 2 * plan.F)
                throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"there is no execution replica e{replica} to give {what}, only e0 to e{2 * plan.F}"));
        }
    }

    // Two controllers of one machine would pull a domain to and fro. Those of different machines have different domains under one name.
    private static void CheckDomains(ClusterPlan plan)
    {
        var seen = new HashSet<(int Host, HypervisorChoice Choice)>();
        for (int i = 0; i < (2 * plan.F) + 1; i++)
        {
            HypervisorChoice choice = plan.HypervisorOf.GetValueOrDefault(i, plan.Hypervisor);
            if (choice.Kind != HypervisorKind.Process && !seen.Add((i % Math.Max(plan.Hosts.Count, 1), choice)))
                throw new ConfigurationException($"{choice} is given to two execution replicas of one machine");
        }
    }

    private static ClusterFile Write(ClusterLayout layout, ClusterPlan plan)
    {
        VolumeId volume = VolumeId.Generate();
        var ports = new PortAssignment(plan);
        using var authority = new CertificateAuthority(volume);
        ConfigurationFiles.Create(layout.AuthorityCertificate, authority.CertificatePem, ConfigurationFiles.Public);
        ConfigurationFiles.Create(layout.AuthorityKey, authority.KeyPem, ConfigurationFiles.Secret);
        using var administrator = new KeyFile(null, authority.Issue("administrator", null));
        administrator.Save(layout.AdministratorKey);

        (PartyPublicKeys Keys, byte[] Certificate) Make(PartyId id, IPAddress? host) => WriteParty(layout, authority, id, host);
        var agreement = new List<AgreementEntry>();
        for (int i = 0; i < (3 * plan.F) + 1; i++)
        {
            (PartyPublicKeys keys, byte[] certificate) = Make(PartyId.Agreement(i), ports.Host(i));
            agreement.Add(new AgreementEntry(PartyId.Agreement(i), ports.Next(i), ports.Next(i), keys, certificate));
        }

        var execution = new List<ExecutionEntry>();
        var controllers = new List<ControllerEntry>();
        for (int i = 0; i < (2 * plan.F) + 1; i++)
        {
            InitialRole role = i <= plan.F ? InitialRole.Active : InitialRole.Asleep;
            (PartyPublicKeys keys, byte[] certificate) = Make(PartyId.Execution(i), ports.Host(i));
            StoreChoice store = plan.StoreOf.GetValueOrDefault(i, plan.Store);
            execution.Add(new ExecutionEntry(PartyId.Execution(i), ports.Next(i), ports.Next(i), store, role, keys, certificate));
            (keys, certificate) = Make(PartyId.Controller(i), ports.Host(i));
            HypervisorChoice hypervisor = plan.HypervisorOf.GetValueOrDefault(i, plan.Hypervisor);
            controllers.Add(new ControllerEntry(PartyId.Controller(i), ports.Next(i), hypervisor, plan.Sleep, keys, certificate));
        }

        var clients = new List<ClientEntry>();
        var everything = new ExportEntry(ReadOnly: false, Squash.None, AnonymousUid: 65534, AnonymousGid: 65534, Subtree: "/");
        for (int i = 0; i < plan.Clients; i++)
        {
            (PartyPublicKeys keys, byte[] certificate) = Make(PartyId.Client(i), null);
            clients.Add(new ClientEntry(PartyId.Client(i), everything, keys, certificate));
        }

        var cluster = new ClusterFile
        {
            Volume = volume,
            F = plan.F,
            Durability = plan.Durability,
            CheckpointInterval = plan.CheckpointInterval,
            Chaos = plan.Chaos,
            VolumeSize = plan.VolumeSize,
            RootOwner = plan.RootOwner,
            Administrator = KeyFile.Fingerprint(administrator.Certificate),
            Agreement = agreement,
            Execution = execution,
            Controllers = controllers,
            Clients = clients,
        };

        // Read back before it is written: what we make must pass what every node checks.
        byte[] bytes = ClusterFileWriter.Write(cluster);
        cluster = ClusterFileReader.Read(layout.ClusterFile, bytes);
        ConfigurationFiles.Create(layout.ClusterFile, bytes, ConfigurationFiles.Public);
        return cluster;
    }

    private static (PartyPublicKeys Keys, byte[] Certificate) WriteParty(
        ClusterLayout layout, CertificateAuthority authority, PartyId id, IPAddress? host)
    {
        Directory.CreateDirectory(layout.Folder(id));
        using var keyFile = new KeyFile(Identity.Generate(), authority.Issue(id.ToString(), host));
        keyFile.Save(layout.KeyFile(id));
        string? replica = id.Role == PartyRole.Controller
            ? Path.GetRelativePath(layout.Folder(id), layout.NodeFile(PartyId.Execution((int)id.Index)))
            : null;
        new NodeFile(id, Path.Combine("..", Path.GetFileName(layout.ClusterFile)), "node.key", "data", replica).Save(layout.NodeFile(id));
        return (keyFile.Identity!.PublicKeys, KeyFile.Fingerprint(keyFile.Certificate));
    }

    private static void RemoveContent(string directory, bool keepDirectory)
    {
        if (!Directory.Exists(directory))
            return;
        foreach (string folder in Directory.EnumerateDirectories(directory))
            Directory.Delete(folder, recursive: true);
        foreach (string file in Directory.EnumerateFiles(directory))
            File.Delete(file);
        if (!keepDirectory)
            Directory.Delete(directory);
    }

    /// <summary>Hands out each host's ports in order.</summary>
    private sealed class PortAssignment
    {
        private readonly IPAddress[] hosts;
        private readonly int[] nextPorts;

        public PortAssignment(ClusterPlan plan)
        {
            if (plan.Hosts.Count == 0)
                throw new ConfigurationException("a cluster needs at least one address");
            hosts = [.. plan.Hosts.Select(host => host.Address)];
            if (hosts.Distinct().Count() != hosts.Length)
                throw new ConfigurationException("an address is given twice");
            nextPorts = [.. plan.Hosts.Select((host, index) => host.Port != 0 ? host.Port : FindPorts(host.Address, Count(plan, index)))];
        }

        public IPAddress Host(int index) => hosts[index % hosts.Length];

        public IPEndPoint Next(int index)
        {
            int port = nextPorts[index % hosts.Length]++;
            return port <= IPEndPoint.MaxPort
                ? new IPEndPoint(Host(index), port)
                : throw new ConfigurationException($"the first port on {Host(index)} leaves too few ports above it");
        }

        private static int FindPorts(IPAddress host, int count) =>
            PortFinder.IsLocal(host) ? PortFinder.FindConsecutive(host, count) : PortFinder.DefaultPort;

        private static int Count(ClusterPlan plan, int host)
        {
            int agreement = Enumerable.Range(0, (3 * plan.F) + 1).Count(i => i % plan.Hosts.Count == host);
            int execution = Enumerable.Range(0, (2 * plan.F) + 1).Count(i => i % plan.Hosts.Count == host);
            // Links and control of each replica, and the control of its controller.
            return (2 * agreement) + (3 * execution);
        }
    }
}
