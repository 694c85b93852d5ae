using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>When and how written data leaves.</content>
public sealed partial class ClientFileSystem
{
    /// <summary>Sends what was written to a file and waits until it was executed or has failed.</summary>
    private async Task FlushAsync(Node node, CancellationToken cancellation)
    {
        if (node.Writes is not { IsDirty: true } writes)
            return;
        await writes.FlushAsync().WaitAsync(cancellation);
    }

    /// <summary>Sends everything that was written, without waiting.</summary>
    private void FlushSoon()
    {
        foreach (Node node in dirtyNodes.ToArray())
            InBackground(node.Writes!.FlushAsync());
    }

    private void ScheduleWriteBack()
    {
        if (writeBackScheduled)
            return;
        writeBackScheduled = true;
        loop.Schedule(TimeSpan.FromMilliseconds(options.WriteBackMilliseconds), () =>
        {
            writeBackScheduled = false;
            FlushSoon();
        });
    }

    /// <summary>
    /// Submits a change of a node's attributes after what was written to it, in one compound if possible: a program that
    /// writes a file and then sets its times pays one round trip for both.
    /// </summary>
    private async ValueTask<OperationResult> ChangeAfterWritesAsync(
        Node node, Credentials caller, Operation operation, CancellationToken cancellation)
    {
        if (node.Writes?.TakeAll(caller) is not WriteBatch batch)
        {
            await FlushAsync(node, cancellation);
            return await ChangeAsync(node, caller, operation, cancellation);
        }

        // Not cancelled with the caller: the writes belong to everybody who has the file open.
        Task<IReadOnlyList<OperationResult>> sending = SendBatchAsync(node, batch, operation);
        InBackground(FinishBatchAsync(node, batch, sending));
        IReadOnlyList<OperationResult> results = await sending.WaitAsync(cancellation);
        if (results.Count > batch.Extents.Count)
            return results[^1];
        // A write failed, which is told at close or fsync; the change of attributes has not been tried.
        return await ChangeAsync(node, caller, operation, cancellation);
    }

    private async Task FinishBatchAsync(Node node, WriteBatch batch, Task<IReadOnlyList<OperationResult>> sending)
    {
        IReadOnlyList<OperationResult> results = await sending;
        node.Writes!.Finish(batch, [.. results.Take(batch.Extents.Count)]);
    }

    /// <summary>Sends a batch, and another operation on the file after it, and takes note of what the results say.</summary>
    private async Task<IReadOnlyList<OperationResult>> SendBatchAsync(Node node, WriteBatch batch, Operation? then)
    {
        List<Operation> operations = [.. batch.Operations(node.Id)];
        if (then is not null)
            operations.Add(then);
        long asOf = Now;
        foreach (Operation _ in operations)
            BeginChange(node);
        Operation submitted = operations.Count == 1 ? operations[0] : new Compound(operations);
        OperationResult result = await SubmitAsync(batch.Writer, submitted, CancellationToken.None);
        IReadOnlyList<OperationResult> parts = operations.Count == 1 ? [result] : result.Parts ?? [];
        OperationResult missing = OperationResult.Failed(result.Error == Errno.None ? Errno.EIO : result.Error);
        if (parts.Count == 0)
            parts = [missing];
        for (int index = 0; index < operations.Count; index++)
            EndChange(node, null, index < parts.Count ? parts[index] : missing, asOf);
        CheckWritten(node, batch, parts);
        return parts;
    }

    private void CheckWritten(Node node, WriteBatch batch, IReadOnlyList<OperationResult> parts)
    {
        for (int index = 0; index < batch.Extents.Count; index++)
        {
            bool written = index < parts.Count && parts[index].Error == Errno.None;
            // An append that went elsewhere than the kernel believed: somebody else appended too.
            if (written && (!batch.Append || parts[index].Number == batch.Extents[index].Offset))
                continue;
            OnForeignChange(node);
            return;
        }
    }

    private void OnClean(Node node)
    {
        dirtyNodes.Remove(node);
        nodes.DropIfUnused(node);
    }

    private sealed class BatchSender(ClientFileSystem owner, Node node) : IBatchSender
    {
        public Task<IReadOnlyList<OperationResult>> SendAsync(WriteBatch batch)
        {
            Task<IReadOnlyList<OperationResult>> sending = owner.SendBatchAsync(node, batch, null);
            owner.InBackground(sending);
            return sending;
        }
    }
}
