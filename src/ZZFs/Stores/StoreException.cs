namespace ZZFs.Stores;

/// <summary>A backing store can't do its work: disk full, I/O error, no permission. The replica stops and says so.</summary>
/// <param name="message">One sentence.</param>
public class StoreException(string message) : Exception(message);

/// <summary>
/// What a store holds contradicts itself: a rotten disk or a tool that wrote over it. The replica is faulty from here on
/// and rebuilds its state from the others.
/// </summary>
/// <param name="message">One sentence.</param>
public sealed class StoreDamagedException(string message) : StoreException(message);
