namespace Specification;

/// <summary>A test that searches a model, with spin and a C compiler.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SpinTheoryAttribute : TheoryAttribute
{
    public SpinTheoryAttribute()
    {
        // In continuous integration what can't be tested fails; elsewhere it is skipped.
        if (MissingTool is { } missing && Environment.GetEnvironmentVariable("CI") != "true")
            Skip = missing;
    }

    /// <summary>The sentence for the first tool that is missing; null if none is.</summary>
    public static string? MissingTool =>
        !IsOnPath("spin") ? "spin is missing; install the package spin."
        : !IsOnPath("gcc") ? "gcc is missing; install the package gcc."
        : null;

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));
}
