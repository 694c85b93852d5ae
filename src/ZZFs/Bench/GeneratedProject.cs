using System.Globalization;
using System.Text;

namespace ZZFs.Bench;

/// <summary>
/// A C program of about a hundred files that is made up from a seed, as large as the source tree of the original Andrew
/// benchmark (some 70 files, 200 KB). It computes one number per module; since the generator computes the same numbers,
/// the output of the compiled program is known.
/// </summary>
public sealed class GeneratedProject
{
    /// <summary>The program's name after it is built.</summary>
    public const string ProgramName = "program";

    private const int Modules = 20;
    private const int PartsPerModule = 4;
    private const int FunctionsPerPart = 9;
    private const int StepsPerFunction = 7;
    private const int TableSize = 8;
    private const uint Start = 0x5EED;

    private readonly BenchRandom _random;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _objects = new("main.o");
    private uint _state = Start;

    private GeneratedProject(ulong seed) => _random = new BenchRandom(seed);

    /// <summary>Directories, relative to the root.</summary>
    public List<string> Directories { get; } = [];

    /// <summary>Files with what they hold, relative to the root.</summary>
    public List<(string Path, byte[] Bytes)> Files { get; } = [];

    /// <summary>What the program prints.</summary>
    public string ExpectedOutput => _output.ToString();

    /// <summary>Makes the project of a seed.</summary>
    public static GeneratedProject Make(ulong seed)
    {
        var project = new GeneratedProject(seed);
        for (var module = 0; module < Modules; module++)
        {
            project.AddModule($"m{module:d2}");
        }

        project.AddMain();
        project.AddMakefile();
        return project;
    }

    private void AddModule(string module)
    {
        Directories.Add(module);
        var header = new StringBuilder($"#ifndef {module}_h\n#define {module}_h\n#include <stdint.h>\n\n");
        for (var part = 0; part < PartsPerModule; part++)
        {
            AddPart(module, part);
            header.Append(CultureInfo.InvariantCulture, $"uint32_t {module}_part{part}(uint32_t x);\n");
        }

        Add($"{module}/{module}.h", header.Append("\n#endif\n").ToString());
        _output.Append(CultureInfo.InvariantCulture, $"{module} {_state:x8}\n");
    }

    private void AddPart(string module, int part)
    {
        var table = new uint[TableSize];
        for (var index = 0; index < TableSize; index++)
        {
            table[index] = Constant();
        }

        var text = new StringBuilder($"#include \"{module}/{module}.h\"\n\nstatic const uint32_t table[{TableSize}] = {{\n");
        foreach (var entry in table)
        {
            text.Append(CultureInfo.InvariantCulture, $"    {entry}u,\n");
        }

        text.Append("};\n");
        for (var function = 0; function < FunctionsPerPart; function++)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nstatic uint32_t step{function}(uint32_t x)\n{{\n    uint32_t i;\n");
            for (var step = 0; step < StepsPerFunction; step++)
            {
                AddStep(text, table);
            }

            text.Append("    (void)i;\n    return x;\n}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"\nuint32_t {module}_part{part}(uint32_t x)\n{{\n");
        for (var function = 0; function < FunctionsPerPart; function++)
        {
            text.Append(CultureInfo.InvariantCulture, $"    x = step{function}(x);\n");
        }

        Add($"{module}/part{part}.c", text.Append("    return x;\n}\n").ToString());
        _objects.Append(CultureInfo.InvariantCulture, $" {module}/part{part}.o");
    }

    // Writes one statement and executes it on the generator's own copy of x.
    private void AddStep(StringBuilder text, uint[] table)
    {
        var constant = Constant();
        switch (_random.Below(6))
        {
            case 0:
                text.Append(CultureInfo.InvariantCulture, $"    x ^= {constant}u;\n");
                _state ^= constant;
                break;
            case 1:
                text.Append(CultureInfo.InvariantCulture, $"    x *= {constant | 1}u;\n");
                _state *= constant | 1;
                break;
            case 2:
                var bits = 1 + _random.Below(31);
                text.Append(CultureInfo.InvariantCulture, $"    x = (x << {bits}) | (x >> {32 - bits});\n");
                _state = uint.RotateLeft(_state, bits);
                break;
            case 3:
                var rounds = (uint)(2 + _random.Below(14));
                text.Append(CultureInfo.InvariantCulture, $"    for (i = 0; i < {rounds}u; i++)\n        x += (x >> 3) ^ (i * {constant}u);\n");
                for (var i = 0u; i < rounds; i++)
                {
                    _state += (_state >> 3) ^ (i * constant);
                }

                break;
            case 4:
                text.Append(CultureInfo.InvariantCulture, $"    if (x & 1u)\n        x = ~x;\n    else\n        x += {constant}u;\n");
                _state = (_state & 1) != 0 ? ~_state : _state + constant;
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $"    x += table[x & {TableSize - 1}u];\n");
                _state += table[_state & (TableSize - 1)];
                break;
        }
    }

    private void AddMain()
    {
        var text = new StringBuilder("#include <stdint.h>\n#include <stdio.h>\n\n");
        foreach (var module in Directories)
        {
            text.Append(CultureInfo.InvariantCulture, $"#include \"{module}/{module}.h\"\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"\nint main(void)\n{{\n    uint32_t x = {Start}u;\n\n");
        foreach (var module in Directories)
        {
            for (var part = 0; part < PartsPerModule; part++)
            {
                text.Append(CultureInfo.InvariantCulture, $"    x = {module}_part{part}(x);\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"    printf(\"{module} %08x\\n\", (unsigned)x);\n");
        }

        Add("main.c", text.Append("    return 0;\n}\n").ToString());
    }

    private void AddMakefile() =>
        Add("Makefile", $"OBJECTS = {_objects}\n\n{ProgramName}: $(OBJECTS)\n\t$(CC) -o $@ $(OBJECTS)\n\n.c.o:\n\t$(CC) -O1 -I. -c -o $@ $<\n");

    private void Add(string path, string text) => Files.Add((path, Encoding.ASCII.GetBytes(text)));

    private uint Constant() => (uint)_random.Below(int.MaxValue);
}
