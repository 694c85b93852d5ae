using System.Globalization;
using System.Text;

namespace ZZFs.Bench;

/// <summary>How results are written for people.</summary>
public static class BenchReport
{
    private const double Kibi = 1024;

    /// <summary>A PostMark result, in the order of PostMark's own report; ends with a line break.</summary>
    public static string Text(PostMarkResult result)
    {
        var counters = result.Counters;
        var rates = result.PerSecond;
        var text = new StringBuilder();
        Line(text, $"PostMark on {result.Directory}: {result.Parameters.Files} files of {result.Parameters.MinimumBytes} to {result.Parameters.MaximumBytes} bytes, {result.Parameters.Transactions} transactions, seed {result.Parameters.Seed}");
        Line(text, $"Time:   {result.Seconds,9:f3} s = create {result.Phases.Create:f3} + transactions {result.Phases.Transactions:f3} ({rates.Transactions:f0} per second) + delete {result.Phases.Delete:f3}");
        Line(text, $"Files:  {counters.Created,9} created ({rates.Created:f0} per second): {counters.CreatedAlone} alone ({rates.CreatedAlone:f0}), {counters.CreatedMixed} mixed with transactions ({rates.CreatedMixed:f0})");
        Line(text, $"        {counters.Read,9} read ({rates.Read:f0} per second)");
        Line(text, $"        {counters.Appended,9} appended ({rates.Appended:f0} per second)");
        Line(text, $"        {counters.Deleted,9} deleted ({rates.Deleted:f0} per second): {counters.DeletedAlone} alone ({rates.DeletedAlone:f0}), {counters.DeletedMixed} mixed with transactions ({rates.DeletedMixed:f0})");
        Line(text, $"Data:   {Bytes(counters.BytesRead)} read ({Bytes(rates.BytesRead)} per second), {Bytes(counters.BytesWritten)} written ({Bytes(rates.BytesWritten)} per second)");
        return text.Append(VerifiedLine(result.Verified, result.ComparedBytes, result.VerificationSeconds, result.Mismatches, result.FirstMismatch)).ToString();
    }

    /// <summary>An Andrew result, one phase a line; ends with a line break.</summary>
    public static string Text(AndrewResult result)
    {
        var phases = result.Phases;
        var text = new StringBuilder();
        Line(text, $"Andrew on {result.Directory}: {result.Counters.Files} files, {result.Counters.Directories} directories, {Bytes(result.Counters.Bytes)}{(result.Parameters.Tree is { } tree ? $" of {tree}" : $", generated from seed {result.Parameters.Seed}")}");
        Line(text, $"MakeDir {phases.MakeDir,9:f3} s");
        Line(text, $"Copy    {phases.Copy,9:f3} s");
        Line(text, $"ScanDir {phases.ScanDir,9:f3} s");
        Line(text, $"ReadAll {phases.ReadAll,9:f3} s");
        if (phases.Make is { } make)
        {
            Line(text, $"Make    {make,9:f3} s");
        }
        else
        {
            Line(text, $"Make      skipped: there is no C compiler (cc) on PATH; install gcc");
        }

        Line(text, $"Total   {result.Seconds,9:f3} s");
        return text.Append(VerifiedLine(result.Verified, result.ComparedBytes, result.VerificationSeconds, result.Mismatches, result.FirstMismatch)).ToString();
    }

    /// <summary>A number of bytes with the unit that suits it.</summary>
    public static string Bytes(double bytes) => bytes switch
    {
        >= Kibi * Kibi * Kibi => string.Create(CultureInfo.InvariantCulture, $"{bytes / Kibi / Kibi / Kibi:f2} GiB"),
        >= Kibi * Kibi => string.Create(CultureInfo.InvariantCulture, $"{bytes / Kibi / Kibi:f2} MiB"),
        >= Kibi => string.Create(CultureInfo.InvariantCulture, $"{bytes / Kibi:f2} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes:f0} bytes"),
    };

    private static string VerifiedLine(bool verified, long comparedBytes, double seconds, long mismatches, string? first) =>
        verified
            ? string.Create(CultureInfo.InvariantCulture, $"Verified: {Bytes(comparedBytes)} compared, no wrong byte ({seconds:f3} s apart from the above).\n")
            : string.Create(CultureInfo.InvariantCulture, $"NOT VERIFIED: {mismatches} wrong; the first: {first ?? "nothing could be compared"}.\n");

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
