using Agreement.Messages;

namespace Agreement.Crypto;

/// <summary>
/// A message that was authenticated as coming from <see cref="Sender"/>. Cores accept nothing else, so an unchecked
/// message can't compile its way in. Only the inboxes make them, from what links (or signatures) vouch for.
/// </summary>
/// <typeparam name="T">The message.</typeparam>
public readonly struct Verified<T>
{
    private Verified(PartyId sender, T value)
    {
        Sender = sender;
        Value = value;
    }

    /// <summary>Whose message it is.</summary>
    public PartyId Sender { get; }

    /// <summary>The message.</summary>
    public T Value { get; }

    /// <summary>Vouches that <paramref name="value"/> came over the authenticated link of <paramref name="peer"/>.</summary>
    public static Verified<T> OverLink(PartyId peer, T value) => new(peer, value);
}

/// <summary>Checks signatures by the cluster file's keys; a pure function, so cores may call it.</summary>
public interface ISignatureChecker
{
    /// <summary>Whether <paramref name="signature"/> is that of <paramref name="party"/> over <paramref name="data"/>; false for unknown parties.</summary>
    bool Verify(PartyId party, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);
}
