using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace ZZFs.Tests.Abstraction;

/// <summary>Executes operations at once on one local service, through the codec, as a cluster of one would.</summary>
/// <param name="service">The service; stays the caller's.</param>
/// <param name="clock">The agreed time of each operation.</param>
internal sealed class LocalSubmitter(IFileService service, Func<Timestamp> clock) : IOperationSubmitter
{
    private readonly MessageWriter request = new();
    private readonly MessageWriter reply = new();

    public SessionId Session { get; set; } = new(1);

    public Incarnation Incarnation { get; set; }

    public ExportEntry Export { get; set; } = ExportEntry.Full;

    public ValueTask<OperationResult> SubmitAsync(Credentials caller, Operation operation, CancellationToken cancellation) =>
        ValueTask.FromResult(Submit(caller, operation));

    public OperationResult Submit(Credentials caller, Operation operation)
    {
        request.Clear();
        OperationCodec.Encode(caller, operation, request);
        reply.Clear();
        service.Execute(new OperationContext(clock(), Session, Incarnation, Export), request.ToArray(), reply);
        Assert.True(reply.Length <= Limits.MaximumResultBytes);
        Assert.True(OperationCodec.TryDecodeResult(reply.ToArray(), out OperationResult result));
        return result;
    }
}
