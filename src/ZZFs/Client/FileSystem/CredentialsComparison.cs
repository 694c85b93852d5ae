using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <summary>Equality of users, which the record's own (by reference for the groups) does not give.</summary>
internal static class CredentialsComparison
{
    /// <summary>Whether both have the same user, group and supplementary groups.</summary>
    public static bool IsSameAs(this Credentials left, Credentials right) =>
        ReferenceEquals(left, right)
        || (left.Uid == right.Uid && left.Gid == right.Gid && left.Groups.SequenceEqual(right.Groups));
}
