using System.ComponentModel;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace ZZFs.Tests.Stores;

/// <summary>What the tests of a class need from the machine; in continuous integration they fail without it, elsewhere they are skipped.</summary>
public enum Backing
{
    Btrfs,
    Zfs,
    Root,
}

/// <summary>Says what the tests of a class need, those that it inherits too.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NeedsAttribute(Backing backing) : Attribute
{
    public Backing Backing { get; } = backing;

    /// <summary>Whether tests of many thousand steps are left out: each step takes a while.</summary>
    public bool IsSlow { get; init; }

    internal static string? WhySkip(Backing backing) => Environment.GetEnvironmentVariable("CI") == "true" ? null
        : backing == Backing.Btrfs ? BtrfsSystem.WhyNot
        : backing == Backing.Zfs ? ZfsSystem.WhyNot
        : BackingSystem.Obstacle("tar", "tar");
}

/// <summary>A test that runs in each class that inherits it, as far as the machine has what the class needs.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("ZZFs.Tests.Stores.StoreFactDiscoverer", "ZZFs.Tests")]
public sealed class StoreFactAttribute : FactAttribute
{
    /// <summary>Whether it takes many thousand steps.</summary>
    public bool IsLong { get; init; }
}

/// <summary>Finds the tests of <see cref="StoreFactAttribute"/>.</summary>
public sealed class StoreFactDiscoverer(IMessageSink sink) : FactDiscoverer(sink)
{
    private readonly IMessageSink diagnostics = sink;

    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute)
    {
        IAttributeInfo? needs = testMethod.TestClass.Class.GetCustomAttributes(typeof(NeedsAttribute)).FirstOrDefault();
        string? reason = needs is null ? null
            : needs.GetNamedArgument<bool>(nameof(NeedsAttribute.IsSlow)) && factAttribute.GetNamedArgument<bool>(nameof(StoreFactAttribute.IsLong))
                ? "It has too many steps for so slow a file system."
            : NeedsAttribute.WhySkip(needs.GetNamedArgument<Backing>(nameof(NeedsAttribute.Backing)));
        TestMethodDisplay display = discoveryOptions.MethodDisplayOrDefault();
        TestMethodDisplayOptions options = discoveryOptions.MethodDisplayOptionsOrDefault();
        return reason is null
            ? new XunitTestCase(diagnostics, display, options, testMethod)
            : new SkippedTestCase(reason, diagnostics, display, options, testMethod);
    }
}

/// <summary>A test that is not run.</summary>
public sealed class SkippedTestCase : XunitTestCase
{
    private string reason = "";

    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("For deserialization.")]
    public SkippedTestCase()
    {
    }

    public SkippedTestCase(
        string reason, IMessageSink sink, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(sink, display, options, method) => this.reason = reason;

    public override void Serialize(IXunitSerializationInfo data)
    {
        base.Serialize(data);
        data.AddValue(nameof(reason), reason);
    }

    public override void Deserialize(IXunitSerializationInfo data)
    {
        // First, since the base asks for it.
        reason = data.GetValue<string>(nameof(reason));
        base.Deserialize(data);
    }

    protected override string GetSkipReason(IAttributeInfo factAttribute) => reason;
}
