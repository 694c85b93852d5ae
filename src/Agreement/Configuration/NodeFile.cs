using System.Buffers;
using System.Text.Json;
using Agreement.Messages;

namespace Agreement.Configuration;

/// <summary>
/// What <c>zzfs node … --config FILE</c> reads: who the node is, and where its files are. Relative paths count from the
/// folder of the file, so that a cluster directory can be moved.
/// </summary>
/// <param name="Id">The node.</param>
/// <param name="ClusterPath">Path of the cluster file.</param>
/// <param name="KeyPath">Path of the node's key file.</param>
/// <param name="DataFolder">Folder for what the node keeps; made when it is missing.</param>
/// <param name="ReplicaPath">Only a controller's, and always: path of the node file of the execution replica that it runs.</param>
public sealed record NodeFile(PartyId Id, string ClusterPath, string KeyPath, string DataFolder, string? ReplicaPath = null)
{
    /// <summary>Reads and checks a node file; paths in the result are absolute.</summary>
    /// <exception cref="ConfigurationException">It can't be read or breaks a rule.</exception>
    public static NodeFile Load(string path)
    {
        using JsonDocument document = FieldReader.ParseDocument(path, ConfigurationFiles.ReadAll(path));
        FieldReader root = FieldReader.Parse(path, document);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        _ = root.Number("version", ClusterFile.FormatVersion, ClusterFile.FormatVersion);
        if (!PartyId.TryParse(root.Text("id"), out PartyId id))
            throw root.Wrong("id", "must name a party, like a0");
        var node = new NodeFile(
            id,
            Path.GetFullPath(root.Text("cluster"), folder),
            Path.GetFullPath(root.Text("key"), folder),
            Path.GetFullPath(root.Text("data"), folder),
            id.Role == PartyRole.Controller ? Path.GetFullPath(root.Text("replica"), folder) : null);
        root.End();
        return node;
    }

    /// <summary>Makes a new node file; paths are written as they are.</summary>
    /// <exception cref="ConfigurationException">It is there already or can't be written.</exception>
    public void Save(string path)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteNumber("version", ClusterFile.FormatVersion);
            writer.WriteString("id", Id.ToString());
            writer.WriteString("cluster", ClusterPath);
            writer.WriteString("key", KeyPath);
            writer.WriteString("data", DataFolder);
            if (ReplicaPath is not null)
                writer.WriteString("replica", ReplicaPath);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        ConfigurationFiles.Create(path, buffer.WrittenSpan, ConfigurationFiles.Public);
    }
}
