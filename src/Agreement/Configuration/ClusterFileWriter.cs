using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Agreement.Configuration;

/// <summary>Writes what <see cref="ClusterFileReader"/> reads.</summary>
public static class ClusterFileWriter
{
    /// <summary>The file's bytes, indented, with a final line feed.</summary>
    public static byte[] Write(ClusterFile cluster)
    {
        var buffer = new ArrayBufferWriter<byte>();
        // Keys in base64 hold plus signs, which the default encoder would escape; the file is no web page.
        var options = new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            writer.WriteStartObject();
            writer.WriteNumber("version", ClusterFile.FormatVersion);
            writer.WriteString("volume", cluster.Volume.ToString());
            writer.WriteNumber("f", cluster.F);
            writer.WriteString("durability", cluster.Durability == Durability.Always ? "always" : "fsync");
            writer.WriteNumber("checkpointInterval", cluster.CheckpointInterval);
            writer.WriteBoolean("chaos", cluster.Chaos);
            writer.WriteStartObject("volumeSize");
            writer.WriteNumber("bytes", cluster.VolumeSize.Bytes);
            writer.WriteNumber("objects", cluster.VolumeSize.Objects);
            writer.WriteEndObject();
            writer.WriteStartObject("rootOwner");
            writer.WriteNumber("uid", cluster.RootOwner.Uid);
            writer.WriteNumber("gid", cluster.RootOwner.Gid);
            writer.WriteEndObject();
            writer.WriteBase64String("administrator", cluster.Administrator.Span);
            WriteParties(writer, "agreement", cluster.Agreement, cluster);
            WriteParties(writer, "execution", cluster.Execution, cluster);
            WriteParties(writer, "controllers", cluster.Controllers, cluster);
            WriteParties(writer, "clients", cluster.Clients, cluster);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteParties(Utf8JsonWriter writer, string field, IEnumerable<PartyEntry> parties, ClusterFile cluster)
    {
        writer.WriteStartArray(field);
        foreach (PartyEntry party in parties)
        {
            writer.WriteStartObject();
            writer.WriteString("id", party.Id.ToString());
            if (cluster.AddressOf(party.Id) is { } address)
                writer.WriteString("address", address.ToString());
            if (cluster.ControlOf(party.Id) is { } control)
                writer.WriteString("control", control.ToString());
            WriteOwnFields(writer, party);
            writer.WriteBase64String("signingKey", party.Keys.SigningKey.Span);
            writer.WriteBase64String("linkKey", party.Keys.LinkKey.Span);
            writer.WriteBase64String("certificate", party.Certificate.Span);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteOwnFields(Utf8JsonWriter writer, PartyEntry party)
    {
        switch (party)
        {
            case ExecutionEntry execution:
                writer.WriteString("store", execution.Store.ToString());
                writer.WriteString("initialRole", execution.InitialRole == InitialRole.Active ? "active" : "asleep");
                break;
            case ControllerEntry controller:
                writer.WriteString("hypervisor", controller.Hypervisor.ToString());
                writer.WriteString("sleep", controller.Sleep == SleepMode.Paused ? "paused" : "hibernated");
                break;
            case ClientEntry client:
                writer.WriteStartObject("export");
                writer.WriteBoolean("readOnly", client.Export.ReadOnly);
                writer.WriteString("squash", client.Export.Squash switch { Squash.None => "none", Squash.Root => "root", _ => "all" });
                writer.WriteNumber("anonymousUid", client.Export.AnonymousUid);
                writer.WriteNumber("anonymousGid", client.Export.AnonymousGid);
                writer.WriteString("subtree", client.Export.Subtree);
                writer.WriteEndObject();
                break;
        }
    }
}
