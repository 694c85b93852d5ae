namespace ZZFs.Abstraction.Operations;

/// <summary>The first byte of an encoded operation. 0 to 15 belong to the session operations of the layer above.</summary>
public enum OperationCode : byte
{
#pragma warning disable CS1591 // Each names the operation of the same name.
    Lookup = 16,
    GetAttributes = 17,
    SetAttributes = 18,
    CheckAccess = 19,
    ReadLink = 20,
    Read = 21,
    Write = 22,
    Create = 23,
    MakeDirectory = 24,
    MakeSymlink = 25,
    MakeNode = 26,
    Link = 27,
    Unlink = 28,
    RemoveDirectory = 29,
    Rename = 30,
    ReadDirectory = 31,
    GetStatistics = 32,
    Sync = 33,
    GetXattr = 34,
    SetXattr = 35,
    ListXattrs = 36,
    RemoveXattr = 37,
    Allocate = 38,
    Seek = 39,
    CopyRange = 40,
    SetLock = 41,
    TestLock = 42,
    ReleaseOrphan = 43,
    Compound = 44,
#pragma warning restore CS1591
}
