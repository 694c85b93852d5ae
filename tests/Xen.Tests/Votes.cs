using Agreement.Messages;
using Agreement.Tests.Protocol;

namespace Xen.Tests;

/// <summary>Encoded votes as agreement replicas of tests sign them.</summary>
internal static class Votes
{
    public static ReadOnlyMemory<byte> Recover(int sender, ulong epoch, Request.Signer? sign = null)
    {
        PartyId party = PartyId.Agreement(sender);
        var writer = new MessageWriter();
        Agreement.Messages.Recover.Create(party, new Epoch(epoch), new SequenceNumber(epoch * 100), sign ?? HashSignatures.Of(party)).Write(writer);
        return writer.ToArray();
    }

    public static ReadOnlyMemory<byte> Sleep(int sender, uint replica, ulong epoch, Request.Signer? sign = null)
    {
        PartyId party = PartyId.Agreement(sender);
        var writer = new MessageWriter();
        Agreement.Messages.Sleep.Create(party, replica, new Epoch(epoch), sign ?? HashSignatures.Of(party)).Write(writer);
        return writer.ToArray();
    }

    public static WakeOrder Wake(ulong epoch) => new(new Epoch(epoch), OrderKind.Wake);

    public static WakeOrder SleepOrder(ulong epoch) => new(new Epoch(epoch), OrderKind.Sleep);
}
