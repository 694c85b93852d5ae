using System.Globalization;
using System.Net;
using System.Text.Json;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Configuration;

/// <summary>
/// Checks a cluster file. The rules: every field is there, once, and no other; parties are named by role and index, in
/// order, in the numbers that f asks for; exactly f + 1 execution replicas begin active; no address and no key is given
/// to two parties.
/// </summary>
public static class ClusterFileReader
{
    private const int KeyBytes = 32;
    private const ulong MaximumCheckpointInterval = Limits.MaximumCheckpointInterval;

    /// <summary>Reads <paramref name="json"/>; <paramref name="file"/> names it in errors.</summary>
    /// <exception cref="ConfigurationException">It breaks a rule.</exception>
    public static ClusterFile Read(string file, ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = FieldReader.ParseDocument(file, json);
        FieldReader root = FieldReader.Parse(file, document);
        _ = root.Number("version", ClusterFile.FormatVersion, ClusterFile.FormatVersion);
        int f = (int)root.Number("f", 1, Limits.MaximumFaults);
        var cluster = new ClusterFile
        {
            Volume = ReadVolume(root),
            F = f,
            Durability = root.OneOf("durability", ("fsync", Durability.Fsync), ("always", Durability.Always)),
            CheckpointInterval = (uint)root.Number("checkpointInterval", 1, MaximumCheckpointInterval),
            Chaos = root.Flag("chaos"),
            VolumeSize = ReadVolumeSize(root.Object("volumeSize")),
            RootOwner = ReadRootOwner(root.Object("rootOwner")),
            Administrator = root.Base64("administrator", KeyBytes),
            Agreement = ReadParties(root, "agreement", PartyRole.Agreement, ReadAgreement),
            Execution = ReadParties(root, "execution", PartyRole.Execution, ReadExecution),
            Controllers = ReadParties(root, "controllers", PartyRole.Controller, ReadController),
            Clients = ReadParties(root, "clients", PartyRole.Client, ReadClient),
        };
        root.End();

        CheckCount(root, "agreement", cluster.Agreement.Count, (3 * f) + 1, "3f + 1");
        CheckCount(root, "execution", cluster.Execution.Count, (2 * f) + 1, "2f + 1");
        CheckCount(root, "controllers", cluster.Controllers.Count, cluster.Execution.Count, "one for each execution replica");
        if (cluster.Clients.Count > ClusterFile.MaximumClients)
            throw root.Wrong("clients", string.Create(CultureInfo.InvariantCulture, $"must have at most {ClusterFile.MaximumClients} entries"));
        int active = cluster.Execution.Count(entry => entry.InitialRole == InitialRole.Active);
        if (active != f + 1)
            throw root.Wrong("execution", string.Create(CultureInfo.InvariantCulture, $"must have f + 1 = {f + 1} entries with initialRole active, not {active}"));
        CheckUnique(file, cluster);
        return cluster;
    }

    private static void CheckCount(FieldReader root, string field, int count, int expected, string rule)
    {
        if (count != expected)
            throw root.Wrong(field, string.Create(CultureInfo.InvariantCulture, $"must have {expected} entries ({rule}), not {count}"));
    }

    private static List<T> ReadParties<T>(FieldReader root, string field, PartyRole role, Func<FieldReader, PartyId, T> read)
    {
        var parties = new List<T>();
        foreach (FieldReader entry in root.Objects(field))
        {
            var expected = new PartyId(role, (uint)parties.Count);
            if (entry.Text("id") != expected.ToString())
                throw entry.Wrong("id", $"must be {expected}");
            parties.Add(read(entry, expected));
            entry.End();
        }

        return parties;
    }

    private static VolumeId ReadVolume(FieldReader root) =>
        VolumeId.TryParse(root.Text("volume"), out VolumeId volume)
            ? volume
            : throw root.Wrong("volume", "must be 32 hexadecimal digits in lower case");

    private static VolumeSize ReadVolumeSize(FieldReader entry)
    {
        // Above 2^60 bytes, sums of sizes could leave the range of statfs.
        var size = new VolumeSize(entry.Number("bytes", 1, 1UL << 60), entry.Number("objects", 1, uint.MaxValue));
        entry.End();
        return size;
    }

    private static RootOwner ReadRootOwner(FieldReader entry)
    {
        // The highest number means "no user" to the kernel.
        var owner = new RootOwner((uint)entry.Number("uid", 0, uint.MaxValue - 1), (uint)entry.Number("gid", 0, uint.MaxValue - 1));
        entry.End();
        return owner;
    }

    private static AgreementEntry ReadAgreement(FieldReader entry, PartyId id) =>
        new(id, entry.Address("address"), entry.Address("control"), ReadKeys(entry), entry.Base64("certificate", KeyBytes));

    private static ExecutionEntry ReadExecution(FieldReader entry, PartyId id)
    {
        if (!StoreChoice.TryParse(entry.Text("store"), out StoreChoice? store))
            throw entry.Wrong("store", "must be " + StoreChoice.Forms);
        return new ExecutionEntry(
            id,
            entry.Address("address"),
            entry.Address("control"),
            store,
            entry.OneOf("initialRole", ("active", InitialRole.Active), ("asleep", InitialRole.Asleep)),
            ReadKeys(entry),
            entry.Base64("certificate", KeyBytes));
    }

    private static ControllerEntry ReadController(FieldReader entry, PartyId id)
    {
        if (!HypervisorChoice.TryParse(entry.Text("hypervisor"), out HypervisorChoice? hypervisor))
            throw entry.Wrong("hypervisor", "must be " + HypervisorChoice.Forms);
        return new ControllerEntry(
            id,
            entry.Address("control"),
            hypervisor,
            entry.OneOf("sleep", ("paused", SleepMode.Paused), ("hibernated", SleepMode.Hibernated)),
            ReadKeys(entry),
            entry.Base64("certificate", KeyBytes));
    }

    private static ClientEntry ReadClient(FieldReader entry, PartyId id) =>
        new(id, ReadExport(entry.Object("export")), ReadKeys(entry), entry.Base64("certificate", KeyBytes));

    private static ExportEntry ReadExport(FieldReader entry)
    {
        var export = new ExportEntry(
            entry.Flag("readOnly"),
            entry.OneOf("squash", ("none", Squash.None), ("root", Squash.Root), ("all", Squash.All)),
            (uint)entry.Number("anonymousUid", 0, uint.MaxValue - 1),
            (uint)entry.Number("anonymousGid", 0, uint.MaxValue - 1),
            entry.Text("subtree"));
        if (!IsNormalPath(export.Subtree))
            throw entry.Wrong("subtree", "must be an absolute path without . and .., like /home");
        entry.End();
        return export;
    }

    private static bool IsNormalPath(string path) =>
        path == "/" || (path.StartsWith('/') && path[1..].Split('/').All(name => name is not ("" or "." or "..") && !name.Contains('\0')));

    private static PartyPublicKeys ReadKeys(FieldReader entry)
    {
        byte[] signingKey = entry.Base64("signingKey", KeyBytes);
        try
        {
            _ = new SignatureVerifier(signingKey);
        }
        catch (FormatException)
        {
            throw entry.Wrong("signingKey", "is not an Ed25519 public key");
        }

        return new PartyPublicKeys(signingKey, entry.Base64("linkKey", KeyBytes));
    }

    private static void CheckUnique(string file, ClusterFile cluster)
    {
        var addresses = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var secrets = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (PartyEntry party in cluster.Parties)
        {
            CheckOnce(file, addresses, cluster.AddressOf(party.Id), $"address of {party.Id}");
            CheckOnce(file, addresses, cluster.ControlOf(party.Id), $"control of {party.Id}");
            CheckOnce(file, secrets, party.Keys.SigningKey, $"signingKey of {party.Id}");
            CheckOnce(file, secrets, party.Keys.LinkKey, $"linkKey of {party.Id}");
            CheckOnce(file, secrets, party.Certificate, $"certificate of {party.Id}");
        }

        CheckOnce(file, secrets, cluster.Administrator, "administrator");
    }

    private static void CheckOnce(string file, SortedDictionary<string, string> seen, IPEndPoint? address, string owner)
    {
        if (address is not null)
            CheckOnce(file, seen, address.ToString(), owner);
    }

    private static void CheckOnce(string file, SortedDictionary<string, string> seen, ReadOnlyMemory<byte> key, string owner) =>
        CheckOnce(file, seen, Convert.ToBase64String(key.Span), owner);

    private static void CheckOnce(string file, SortedDictionary<string, string> seen, string value, string owner)
    {
        if (!seen.TryAdd(value, owner))
            throw new ConfigurationException($"{file}: {owner} is the same as {seen[value]}");
    }
}
