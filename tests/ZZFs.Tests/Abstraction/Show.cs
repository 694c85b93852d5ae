using System.Collections;
using System.Globalization;
using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction;

/// <summary>
/// Values as text, with byte strings by content: records that hold byte strings compare them by identity, so tests
/// compare this text, which also reads well when a test fails.
/// </summary>
internal static class Show
{
    public static string Of(object? value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    public static string Of(Credentials caller, Operation operation) => Of(caller) + " " + Of(operation);

    private static void Append(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null:
                text.Append('-');
                break;
            case ReadOnlyMemory<byte> bytes:
                text.Append('\'').Append(Convert.ToHexString(bytes.Span)).Append('\'');
                break;
            case IEnumerable list and not string:
                text.Append('[');
                foreach (object? item in list)
                {
                    Append(text, item);
                    text.Append(' ');
                }

                text.Append(']');
                break;
            case Operation or OperationResult or Credentials or DirectoryEntry or DirectoryState:
                text.Append(value.GetType().Name).Append('(');
                foreach (var property in value.GetType().GetProperties().Where(p => p.GetMethod is { IsStatic: false }))
                {
                    object? field = property.GetValue(value);
                    if (field is null or false or Errno.None)
                        continue;
                    text.Append(property.Name).Append('=');
                    Append(text, field);
                    text.Append(' ');
                }

                text.Append(')');
                break;
            default:
                text.Append(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}
