using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Simulation.PlantedBugs;

/// <summary>Compiles the cores together with the simulator into an assembly of its own, with one edit of the source.</summary>
internal static class MutantCompiler
{
    // The cores, without the shells around them, which need more than the base library.
    private static readonly string[] Sources =
    [
        "src/Agreement/Messages", "src/Agreement/Protocol", "src/Agreement/Crypto/Verified.cs",
        "src/ZZFs/Abstraction", "src/ZZFs/Abstraction/Operations", "src/ZZFs/Digests", "src/ZZFs/Stores/IBackingStore.cs",
        "src/ZZFs/Stores/IStoreView.cs", "src/ZZFs/Stores/StoreException.cs",
        "src/ZZFs/Execution", "src/ZZFs/Client", "tests/Simulation", "tests/Simulation/Workloads",
        "tests/ZZFs.Tests/Abstraction/Model", "tests/ZZFs.Tests/Stores/MemoryStore.cs",
        "tests/ZZFs.Tests/Stores/MemoryDigestStore.cs",
    ];

    private static readonly string Root = FindRoot();
    private static readonly CSharpParseOptions Parsing = new(LanguageVersion.Preview);
    private static readonly Lazy<Dictionary<string, SyntaxTree>> Trees = new(ParseAll);
    private static readonly Lazy<CSharpCompilation> Healthy = new(() => CSharpCompilation.Create(
        "PlantedBug",
        Trees.Value.Values,
        References(),
        new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary,
            optimizationLevel: OptimizationLevel.Release,
            allowUnsafe: true,
            nullableContextOptions: NullableContextOptions.Disable)));

    /// <summary>Runs seeds with the source as it is, or with a bug in it.</summary>
    /// <param name="bug">The bug; null for none.</param>
    /// <param name="scenario">The circumstances.</param>
    /// <param name="seeds">How many seeds are tried until one fails.</param>
    /// <param name="first">The first of them.</param>
    /// <returns>What the first failing seed found; null if all passed.</returns>
    public static string? FindFailure(PlantedBug? bug, string scenario, int seeds, int first = 1)
    {
        var context = new AssemblyLoadContext(bug?.Name ?? "healthy", isCollectible: true);
        try
        {
            using var image = new MemoryStream(Compile(bug));
            Func<string, ulong, string?> run = context.LoadFromStream(image)
                .GetType("Simulation.Trial", throwOnError: true)!
                .GetMethod("Run")!
                .CreateDelegate<Func<string, ulong, string?>>();
            for (ulong seed = (ulong)first; seed < (ulong)(first + seeds); seed++)
            {
                if (run(scenario, seed) is { } failure)
                    return $"seed {seed}: {failure}";
            }

            return null;
        }
        finally
        {
            context.Unload();
        }
    }

    private static byte[] Compile(PlantedBug? bug)
    {
        CSharpCompilation compilation = Healthy.Value;
        if (bug is not null)
            compilation = compilation.ReplaceSyntaxTree(Trees.Value[bug.File], Edit(bug));
        using var image = new MemoryStream();
        var emitted = compilation.Emit(image);
        if (!emitted.Success)
        {
            IEnumerable<Diagnostic> errors = emitted.Diagnostics.Where(found => found.Severity == DiagnosticSeverity.Error).Take(5);
            throw new InvalidOperationException($"The source does not compile: {string.Join("; ", errors)}");
        }

        return image.ToArray();
    }

    private static SyntaxTree Edit(PlantedBug bug)
    {
        if (!Trees.Value.TryGetValue(bug.File, out SyntaxTree? tree))
            throw new InvalidOperationException($"The planted bug \"{bug.Name}\" names {bug.File}, which is not there.");
        string text = tree.ToString();
        int place = text.IndexOf(bug.Text, StringComparison.Ordinal);
        if (place < 0 || text.IndexOf(bug.Text, place + 1, StringComparison.Ordinal) >= 0)
            throw new InvalidOperationException($"The planted bug \"{bug.Name}\" needs its text exactly once in {bug.File}: {bug.Text}");
        return Parse(bug.File, text.Remove(place, bug.Text.Length).Insert(place, bug.Replacement));
    }

    private static Dictionary<string, SyntaxTree> ParseAll()
    {
        var trees = new Dictionary<string, SyntaxTree>(StringComparer.Ordinal)
        {
            ["usings"] = Parse("usings", "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks; global using Xunit;"),
        };
        foreach (string source in Sources)
        {
            string path = Path.Combine(Root, source);
            foreach (string file in File.Exists(path) ? [path] : Directory.GetFiles(path, "*.cs"))
            {
                string name = Path.GetRelativePath(Root, file);
                if (!IsShell(Path.GetFileNameWithoutExtension(file)))
                    trees[name] = Parse(name, File.ReadAllText(file));
            }
        }

        return trees;
    }

    private static bool IsShell(string name) =>
        name is "ExecutionNode" or "CheckpointWorker" or "CheckpointMeter" or "ScrubWorker" or "DamageFile" or "SqliteDigestStore" or "NumberMark" or "ClusterClient" or "Program" || name.EndsWith("Tests", StringComparison.Ordinal);

    private static SyntaxTree Parse(string name, string text) =>
        CSharpSyntaxTree.ParseText(SourceText.From(text), Parsing, name);

    // The base library, and xunit for what the linked tests assert; the production assemblies must not satisfy what the copy is to bring itself.
    private static IEnumerable<MetadataReference> References() =>
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
        .Split(Path.PathSeparator)
        .Where(path => Path.GetFileName(path) is var name && name.StartsWith("System.", StringComparison.Ordinal) || Path.GetFileName(path) is "netstandard.dll" or "xunit.assert.dll")
        .Select(path => MetadataReference.CreateFromFile(path));

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "ZZFs.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("The tests do not run inside the source tree, which planted bugs need.");
    }
}
