using Agreement.Messages;

namespace Simulation;

/// <summary>
/// A client that wants to hurt the others: different requests under one slot number to different replicas, signatures that
/// only some can verify, old and skipped numbers, garbage, and much of it (DESIGN §4).
/// </summary>
internal sealed class HostileClient(PartyId self, Quorum quorum, Request.Signer sign, DeterministicRandom random)
{
    private readonly List<Request> past = [];
    private ulong sequence;

    /// <summary>What it sends this time.</summary>
    public IEnumerable<Lie> Attack()
    {
        sequence++;
        int kind = random.Next(8);
        Request one = Make(sequence, sign);
        Request other = Make(sequence, sign);
        Request forged = Make(sequence, (_, signature) => signature.Fill((byte)random.Next(256)));
        past.Add(one);
        int chosen = 1 | random.Next(1 << quorum.AgreementReplicas);
        for (int i = 0; i < quorum.AgreementReplicas; i++)
        {
            Request? sent = kind switch
            {
                0 => i % 2 == 0 ? one : other,
                1 => i % 2 == 0 ? one : forged,
                2 => past[random.Next(past.Count)],
                3 => i == 0 ? null : one,
                4 => i == 1 ? one : null,
                5 => i == 0 ? null : forged,
                6 => (chosen & (1 << i)) != 0 ? forged : null,
                _ => Make(sequence += (ulong)random.Next(1000), sign),
            };
            if (sent is not null)
                yield return new Lie(PartyId.Agreement(i), sent.Encoded.ToArray());
            if (random.Chance(0.1))
                yield return new Lie(PartyId.Agreement(i), Garbage());
        }
    }

    private Request Make(ulong slotSequence, Request.Signer signer) => Request.Create(
        self,
        random.Chance(0.1) ? RequestFlags.Sync : RequestFlags.None,
        new SessionId((ulong)random.Next(3)),
        (ushort)random.Next(4),
        slotSequence,
        default,
        CounterService.Encode(1000, random.NextUInt64()),
        signer);

    private byte[] Garbage()
    {
        byte[] bytes = new byte[1 + random.Next(200)];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)random.Next(256);
        return bytes;
    }
}
