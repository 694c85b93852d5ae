namespace Agreement.Messages;

/// <summary>The first byte of every message on a link.</summary>
public enum MessageKind : byte
{
    /// <summary><see cref="Messages.Request"/>: client to agreement and execution replicas.</summary>
    Request = 1,

    /// <summary><see cref="Messages.PrePrepare"/>: primary to backups.</summary>
    PrePrepare = 2,

    /// <summary><see cref="Vote"/>: backup to agreement replicas.</summary>
    Prepare = 3,

    /// <summary><see cref="Vote"/>: agreement replica to agreement replicas.</summary>
    Commit = 4,

    /// <summary><see cref="Messages.Synced"/>: agreement replica to everybody that waits for durability.</summary>
    Synced = 5,

    /// <summary><see cref="Messages.Order"/>: agreement replica to execution replicas.</summary>
    Order = 6,

    /// <summary><see cref="Messages.Order"/>, to an agreement replica that lags: "I committed this".</summary>
    Committed = 7,

    /// <summary><see cref="Messages.ExecReport"/>: execution replica to agreement replicas.</summary>
    ExecReport = 8,

    /// <summary><see cref="Messages.Reply"/>: execution replica to client.</summary>
    Reply = 9,

    /// <summary><see cref="Messages.Checkpoint"/>: execution replica to agreement and execution replicas.</summary>
    Checkpoint = 10,

    /// <summary><see cref="Messages.Progress"/>: agreement replica to agreement replicas.</summary>
    Progress = 11,

    /// <summary><see cref="Messages.FetchOrders"/>: execution replica to agreement replicas.</summary>
    FetchOrders = 12,

    /// <summary><see cref="Messages.FetchBodies"/>: replica to agreement replica.</summary>
    FetchBodies = 13,

    /// <summary><see cref="Messages.Bodies"/>: agreement replica to replica.</summary>
    Bodies = 14,

    /// <summary><see cref="Messages.StableCertificate"/>: agreement replica to agreement replica.</summary>
    StableCertificate = 15,

    /// <summary><see cref="Messages.FetchReply"/>: client to execution replicas.</summary>
    FetchReply = 16,

    /// <summary><see cref="Messages.ClusterState"/>: agreement replica to clients and execution replicas.</summary>
    ClusterState = 17,

    /// <summary><see cref="Messages.WantView"/>: agreement replica to agreement replicas.</summary>
    WantView = 18,

    /// <summary><see cref="Messages.ViewChange"/>: agreement replica to agreement replicas.</summary>
    ViewChange = 19,

    /// <summary><see cref="Messages.NewView"/>: primary of a view to agreement replicas, and passed on by them.</summary>
    NewView = 20,

    /// <summary><see cref="Messages.FetchBatch"/>: agreement replica to agreement replica.</summary>
    FetchBatch = 21,

    /// <summary><see cref="Messages.ProposedBatch"/>: agreement replica to agreement replica.</summary>
    ProposedBatch = 22,

    /// <summary><see cref="Messages.Recover"/>: agreement replica to agreement replicas and controllers.</summary>
    Recover = 23,

    /// <summary><see cref="Messages.ReplyAffidavit"/>: agreement replica to client.</summary>
    ReplyAffidavit = 24,

    /// <summary><see cref="Messages.Held"/>: backup to primary.</summary>
    Held = 25,

    /// <summary><see cref="Messages.WantAffidavits"/>: client to agreement and execution replicas.</summary>
    WantAffidavits = 26,

    /// <summary><see cref="Messages.ReplyInquiry"/>: agreement replica to execution replicas.</summary>
    ReplyInquiry = 27,

    /// <summary><see cref="Messages.ReplyStatement"/>: execution replica to agreement replica.</summary>
    ReplyStatement = 28,

    /// <summary><see cref="Messages.FetchClusterState"/>: client to agreement replicas.</summary>
    FetchClusterState = 29,

    /// <summary><see cref="Messages.FetchProposals"/>: among agreement replicas.</summary>
    FetchProposals = 30,

    /// <summary><see cref="Messages.Sleep"/>: agreement replica to controllers.</summary>
    Sleep = 31,
}
