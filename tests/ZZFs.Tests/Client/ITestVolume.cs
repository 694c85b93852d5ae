using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Client;

/// <summary>Something that executes operations in this process.</summary>
internal interface ITestVolume
{
    /// <summary>Executes one operation.</summary>
    OperationResult Execute(Credentials caller, Operation operation);
}
