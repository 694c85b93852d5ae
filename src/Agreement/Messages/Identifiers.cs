using System.Globalization;

namespace Agreement.Messages;

/// <summary>A view number: the primary of view v is agreement replica v mod (3f + 1) (PBFT, TOCS 2002 §4.1).</summary>
/// <param name="Value">Counts up from 0.</param>
public readonly record struct View(ulong Value) : IComparable<View>
{
    /// <inheritdoc/>
    public int CompareTo(View other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The place of a batch in the one order that all replicas execute; the first batch has number 1.</summary>
/// <param name="Value">0 means "before everything".</param>
public readonly record struct SequenceNumber(ulong Value) : IComparable<SequenceNumber>
{
    /// <summary>The number before the first batch.</summary>
    public static SequenceNumber Zero => default;

    /// <summary>The number that follows this one.</summary>
    public SequenceNumber Next => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(SequenceNumber other) => Value.CompareTo(other.Value);

    /// <summary>Orders by value.</summary>
    public static bool operator <(SequenceNumber left, SequenceNumber right) => left.Value < right.Value;

    /// <summary>Orders by value.</summary>
    public static bool operator >(SequenceNumber left, SequenceNumber right) => left.Value > right.Value;

    /// <summary>Orders by value.</summary>
    public static bool operator <=(SequenceNumber left, SequenceNumber right) => left.Value <= right.Value;

    /// <summary>Orders by value.</summary>
    public static bool operator >=(SequenceNumber left, SequenceNumber right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The epoch that an ordered CONFIG entry began; it decides which execution replicas are active.</summary>
/// <param name="Value">Counts up from 0.</param>
public readonly record struct Epoch(ulong Value) : IComparable<Epoch>
{
    /// <inheritdoc/>
    public int CompareTo(Epoch other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The log incarnation r: it changes only when the site lost unsynced log entries, and is then the view that says so.</summary>
/// <param name="Value">Counts up from 0.</param>
public readonly record struct Incarnation(ulong Value) : IComparable<Incarnation>
{
    /// <inheritdoc/>
    public int CompareTo(Incarnation other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A client session: opened by an ordered operation, never reused.</summary>
/// <param name="Value">0 is the session of a request that opens one.</param>
public readonly record struct SessionId(ulong Value)
{
    /// <summary>The pseudo session in which sessions are opened.</summary>
    public static SessionId None => default;

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A point in the agreed time, which the primary proposes with each batch.</summary>
/// <param name="Nanoseconds">Nanoseconds since 1970-01-01T00:00:00Z, never negative.</param>
public readonly record struct Timestamp(long Nanoseconds) : IComparable<Timestamp>
{
    /// <inheritdoc/>
    public int CompareTo(Timestamp other) => Nanoseconds.CompareTo(other.Nanoseconds);

    /// <inheritdoc/>
    public override string ToString() => Nanoseconds.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What a party of the cluster is.</summary>
public enum PartyRole : byte
{
    /// <summary>Orders requests.</summary>
    Agreement = 0,

    /// <summary>Executes requests.</summary>
    Execution = 1,

    /// <summary>Pauses and wakes the execution replica of its host.</summary>
    Controller = 2,

    /// <summary>Issues requests.</summary>
    Client = 3,
}

/// <summary>Names one party of the cluster; written <c>a0</c>, <c>e2</c>, <c>h1</c>, <c>c5</c>.</summary>
/// <param name="Role">What it is.</param>
/// <param name="Index">Counts from 0 within its role.</param>
public readonly record struct PartyId(PartyRole Role, uint Index) : IComparable<PartyId>
{
    private const string Letters = "aehc";

    /// <summary>Agreement replica <paramref name="index"/>.</summary>
    public static PartyId Agreement(int index) => new(PartyRole.Agreement, (uint)index);

    /// <summary>Execution replica <paramref name="index"/>.</summary>
    public static PartyId Execution(int index) => new(PartyRole.Execution, (uint)index);

    /// <summary>Hypervisor controller <paramref name="index"/>.</summary>
    public static PartyId Controller(int index) => new(PartyRole.Controller, (uint)index);

    /// <summary>Client <paramref name="index"/>.</summary>
    public static PartyId Client(int index) => new(PartyRole.Client, (uint)index);

    /// <summary>Reads the short form, for example <c>e2</c>.</summary>
    /// <returns>False when <paramref name="text"/> is not of that form.</returns>
    public static bool TryParse(string? text, out PartyId party)
    {
        party = default;
        if (string.IsNullOrEmpty(text))
            return false;
        int role = Letters.IndexOf(text[0], StringComparison.Ordinal);
        if (role < 0 || !uint.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out uint index))
            return false;
        party = new PartyId((PartyRole)role, index);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(PartyId other)
    {
        int byRole = Role.CompareTo(other.Role);
        return byRole != 0 ? byRole : Index.CompareTo(other.Index);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Letters[(int)Role]}{Index}");
}
