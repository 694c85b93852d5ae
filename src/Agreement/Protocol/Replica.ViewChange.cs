using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// View change with P and Q sets (TOCS 2002 §4.5), signed, in two steps: a replica says that it wants another view, and leaves
// its own only when 2f + 1 do. So nobody is left behind alone in a view that the others never begin (DESIGN §13).
public sealed partial class Replica
{
    private readonly Request.Signer sign;
    private readonly View[] wanted;
    private readonly ViewChange?[] viewChanges;

    // The NEW-VIEW that began the current view; null in view 0.
    private NewView? newView;
    private long leftAt;

    // What our VIEW-CHANGE told of, and with which of it we entered the current view.
    private SequenceNumber leftDelivered;
    private SequenceNumber durableUnder;

    // Highest number that the current view proposed again.
    private SequenceNumber chosenUpTo;
    private long wantSentAt;
    private long viewChangeSentAt;

    /// <summary>Whether the current view has begun; else this replica waits for its NEW-VIEW.</summary>
    public bool InView { get; private set; } = true;

    /// <summary>A peer finds its view wanting.</summary>
    public void OnWantView(in Verified<WantView> message)
    {
        NoteWant((int)message.Sender.Index, message.Value.View);
        if (InView || message.Value.View.CompareTo(View) < 0)
            HelpLaggard(message.Sender, message.Value.View, inView: false);
    }

    /// <summary>A VIEW-CHANGE, of its sender.</summary>
    public void OnViewChange(in Verified<ViewChange> message)
    {
        ViewChange change = message.Value;
        int sender = (int)message.Sender.Index;
        if (change.Sender != message.Sender)
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        if (change.View.CompareTo(View) < 0 || (change.View == View && InView))
        {
            HelpLaggard(message.Sender, change.View, inView: false);
            return;
        }

        // One that was amnesic and is not any more, or whose patience ended, sends another one for the same view.
        if (viewChanges[sender] is { } known && known.View.CompareTo(change.View) >= 0)
            return;
        if (!change.IsWellFormed(quorum, log.Window, signatures) || !change.IsSigned(signatures))
        {
            Rejections.Count(Rejection.BadSignature);
            return;
        }

        viewChanges[sender] = change;
        NoteWant(sender, change.View);
        TryBeginView();
    }

    /// <summary>The NEW-VIEW of a primary, from whoever passed it on.</summary>
    public void OnNewView(in Verified<NewView> message)
    {
        NewView announced = message.Value;
        int later = announced.View.CompareTo(View);
        if (later < 0 || (later == 0 && InView))
            return;
        if (!announced.IsValid(quorum, log.Window, signatures))
        {
            Rejections.Count(Rejection.BadSignature);
            return;
        }

        if (NewViewChoice.Compute(announced.View, announced.ViewChanges, quorum) is not { } choice)
        {
            Rejections.Count(Rejection.Mismatch);
            return;
        }

        LogAndEnter(announced, choice);
    }

    // Counts a wish. f + 1 wishes contain a correct replica's, so we wish the same; 2f + 1 contain f + 1 correct ones',
    // which bring everybody along, so we may leave.
    private void NoteWant(int sender, View view)
    {
        if (wanted[sender].CompareTo(view) < 0)
            wanted[sender] = view;
        View weak = Ranked(quorum.Weak);
        if (weak.CompareTo(wanted[id]) > 0 && weak.CompareTo(View) > 0)
            Want(weak);
        View strong = Ranked(quorum.Strong);
        if (strong.CompareTo(View) > 0)
            Leave(strong);
    }

    private View Ranked(int rank)
    {
        Span<ulong> sorted = stackalloc ulong[wanted.Length];
        for (int i = 0; i < sorted.Length; i++)
            sorted[i] = wanted[i].Value;
        sorted.Sort();
        return new View(sorted[sorted.Length - rank]);
    }

    private void Want(View view)
    {
        if (wanted[id].CompareTo(view) >= 0)
            return;
        wanted[id] = view;
        SendWant();
        NoteWant(id, view);
    }

    private void SendWant()
    {
        wantSentAt = now;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new WantView(wanted[id]).Write(writer);
        Output.EndMessage(start, new Recipients(otherReplicas, 0, null));
    }

    private void Leave(View view)
    {
        View = view;
        InView = false;
        leftAt = now;
        viewsWithoutProgress++;
        ForgetUnaccepted();
        if (!IsAmnesic)
            SendViewChange();
        TryBeginView();
    }

    // Proposals that we did not vote for mean nothing any more, unless f + 1 say that they were committed.
    private void ForgetUnaccepted()
    {
        for (SequenceNumber number = Delivered.Next; number <= highestActive; number = number.Next)
        {
            if (log.Holds(number) && log[number] is { Accepted: false, Learned: false } slot)
                DropProposal(slot);
        }
    }

    private void SendViewChange()
    {
        var entries = new List<ViewChangeEntry>();
        for (SequenceNumber number = LowWaterMark.Next; number <= log.HighWaterMark; number = number.Next)
        {
            LogSlot slot = log[number];
            if (slot.LastPrepared is null && slot.PrePreparedCount == 0)
                continue;
            var proposed = new ViewedDigest[slot.PrePreparedCount];
            for (int i = 0; i < proposed.Length; i++)
            {
                (View seen, Batch batch) = slot.PrePrepared(i);
                proposed[i] = new ViewedDigest(seen, batch.Digest);
            }

            entries.Add(new ViewChangeEntry(number, slot.LastPrepared, proposed));
        }

        ViewChange change = new ViewChange(
            PartyId.Agreement(id), View, Incarnation, IsAmnesic, Stable, entries, default).Sign(sign);
        viewChanges[id] = change;
        leftDelivered = Delivered;
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.LeftView);
        change.Write(record);
        Output.EndRecord(start, LowWaterMark);

        // What it says of P and Q is a promise not to vote in earlier views any more (DESIGN §5).
        Output.SyncBeforeSending = true;
        ResendViewChange(otherReplicas);
    }

    private void ResendViewChange(uint mask)
    {
        if (viewChanges[id] is not { } change || change.View != View)
            return;
        if (mask == otherReplicas)
            viewChangeSentAt = now;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        change.Write(writer);
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }

    // As the primary of the pending view: enough VIEW-CHANGEs that decide every number begin it. Those of amnesic replicas
    // are a last resort, since what only they and liars knew is lost.
    private void TryBeginView()
    {
        if (InView || !IsPrimary)
            return;
        List<ViewChange> usable = [.. viewChanges.OfType<ViewChange>().Where(change => change.View == View)];
        List<ViewChange> whole = [.. usable.Where(change => !change.Amnesic)];
        NewViewChoice? choice = NewViewChoice.Compute(View, whole, quorum);
        List<ViewChange> used = choice is null ? usable : whole;
        choice ??= NewViewChoice.Compute(View, usable, quorum);
        if (choice is not null)
            LogAndEnter(new NewView(View, used, default).Sign(sign), choice);
    }

    private void LogAndEnter(NewView announced, NewViewChoice choice)
    {
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.EnteredView);
        announced.Write(record);
        Output.EndRecord(start, LowWaterMark);
        Output.SyncBeforeSending = true;
        bool ownsView = announced.View.Value % (ulong)quorum.AgreementReplicas == (ulong)id;
        Enter(announced, choice);
        if (ownsView)
            SendNewView(otherReplicas);
        AcceptChosen();
        TryDeliver();
        SendProgress(otherReplicas);
    }

    private void SendNewView(uint mask)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        newView!.Write(writer);
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }

    // A peer that is in an earlier view, or waits for the one that we are in, gets what it lacks.
    private void HelpLaggard(PartyId peer, View view, bool inView)
    {
        int behind = view.CompareTo(View);
        uint mask = 1u << (int)peer.Index;
        if (InView && newView is not null && (behind < 0 || (behind == 0 && !inView)))
        {
            if (CanSpend(peer))
                SendNewView(mask);
        }
        else if (!InView && behind <= 0)
        {
            if (CanSpend(peer))
                ResendViewChange(mask);
        }
    }

    // Time that passes while views change: what was sent is sent again, and a view that does not begin is given up.
    private void TickViewChange()
    {
        if (wanted[id].CompareTo(View) > 0 && now - wantSentAt >= options.ViewChangeResendMilliseconds)
            SendWant();
        if (InView)
            return;
        if (viewChanges[id]?.View != View && now - leftAt >= options.AmnesicMilliseconds)
        {
            SendViewChange();
            TryBeginView();
        }
        else if (now - viewChangeSentAt >= options.ViewChangeResendMilliseconds)
        {
            ResendViewChange(otherReplicas);
        }

        long patience = (lostReplicas & (1u << Primary)) != 0 && !IsAmnesic
            ? Math.Min(2 * options.PrimaryDownMilliseconds, CurrentPatience)
            : CurrentPatience + (IsAmnesic ? options.AmnesicMilliseconds : 0);
        if (!InView && now - leftAt >= patience)
            Want(new View(View.Value + 1));
    }
}
