namespace ZZFs.Client;

/// <summary>f + 1 agreement replicas say that this client's key is in use by another connection that is alive.</summary>
public sealed class ClientRefusedException() : IOException("this client's key is in use by another mount");
