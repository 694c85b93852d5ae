using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace Simulation;

/// <summary>The judge of calls is shown histories with one thing wrong.</summary>
public sealed class CallHistoryTests
{
    private static readonly PartyId One = PartyId.Client(0);
    private static readonly PartyId Two = PartyId.Client(1);
    private static readonly Incarnation Later = new(1);

    private readonly CounterWorkload workload = new();
    private readonly DeterministicRandom random = new(1);
    private readonly CallHistory calls;
    private readonly RecordingService service;

    public CallHistoryTests()
    {
        calls = new CallHistory(workload, everythingIsDurable: false);
        service = new RecordingService(workload.MakeService());
    }

    [Fact]
    public void What_is_right_is_accepted()
    {
        Call first = calls.Invoke(One, sync: false, random);
        Call second = calls.Invoke(Two, sync: true, random);
        Return(second, Execute(second));
        Return(first, Execute(first));
        Check();
    }

    [Fact]
    public void An_operation_happens_once()
    {
        Call call = calls.Invoke(One, sync: false, random);
        Return(call, Execute(call));
        Execute(call);
        Complains("executed twice");
    }

    [Fact]
    public void An_answered_operation_has_happened()
    {
        Call call = calls.Invoke(One, sync: false, random);
        Return(call, new OperationResult { Number = call.Id });
        Complains("is lost");
    }

    [Fact]
    public void An_answer_is_the_result()
    {
        Call call = calls.Invoke(One, sync: false, random);
        Return(call, Execute(call) with { Number = 77 });
        Complains("another result");
    }

    [Fact]
    public void What_returned_before_another_was_invoked_stands_before_it()
    {
        Call first = calls.Invoke(One, sync: false, random);
        OperationResult early = Predict(first);
        Return(first, early);
        Call second = calls.Invoke(Two, sync: false, random);
        while (CounterService.Decode(second.Operation).Counter == CounterService.Decode(first.Operation).Counter)
            second = calls.Invoke(Two, sync: false, random);
        Execute(second);
        Execute(first);
        Complains("returned before");
    }

    [Fact]
    public void What_an_fsync_covers_is_not_lost()
    {
        Call write = calls.Invoke(One, sync: false, random);
        Return(write, Predict(write));
        Call sync = calls.Invoke(Two, sync: true, random);
        Return(sync, Execute(sync));
        Complains("told to be durable");
    }

    // A client may repeat what was lost, but must notice another outcome, and the next fsync must tell.
    [Fact]
    public void A_lost_change_with_another_outcome_is_noticed()
    {
        Call write = calls.Invoke(One, sync: false, random);
        Return(write, Predict(write) with { Number = 77 });
        Execute(write, Later);
        Complains("not true any more");
        Assert.Contains("no fsync told", Assert.Throws<SimulationFailure>(() => Check(noticed: 1)).Message, StringComparison.Ordinal);
        Call sync = calls.Invoke(One, sync: true, random);
        Execute(sync, Later);
        calls.Return(sync, OperationResult.Failed(Errno.EIO), Later, random);
        Check(noticed: 1);
    }

    [Fact]
    public void A_service_that_differs_from_the_model_is_found()
    {
        Call call = calls.Invoke(One, sync: false, random);
        Execute(call);
        Executed right = service.History[0];
        Executed wrong = right with { Result = new byte[right.Result.Length] };
        Assert.Contains("in the model", Assert.Throws<SimulationFailure>(() => calls.Check([wrong], _ => 0)).Message, StringComparison.Ordinal);
    }

    private static OperationResult Predict(Call call) => new() { Number = call.Id };

    private OperationResult Execute(Call call, Incarnation incarnation = default)
    {
        var writer = new MessageWriter(64);
        service.Execute(new OperationContext(new Timestamp(1), new SessionId(1), incarnation, ExportEntry.Full), call.Operation, writer);
        Assert.True(OperationCodec.TryDecodeResult(writer.ToArray(), out OperationResult result));
        return result;
    }

    private void Return(Call call, OperationResult result) => calls.Return(call, result, default, random);

    private void Check(ulong noticed = 0) => calls.Check(service.History, _ => noticed);

    private void Complains(string about) =>
        Assert.Contains(about, Assert.Throws<SimulationFailure>(() => Check()).Message, StringComparison.Ordinal);
}
