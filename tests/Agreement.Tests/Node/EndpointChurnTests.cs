using System.Net;
using Agreement.Messages;
using Agreement.Node;
using static Agreement.Tests.Node.EndpointHarness;

namespace Agreement.Tests.Node;

/// <summary>Parties that all dial each other, crash, restart, freeze and thaw at random: in the end all links stand.</summary>
public sealed class EndpointChurnTests
{
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void After_any_history_everybody_is_linked_and_messages_came_in_order_at_most_once(int seed)
    {
        PartyId[] known = [A0, A1, PartyId.Agreement(2), E0, C0];
        using var harness = new EndpointHarness(known);
        var random = new Random(seed);
        var ports = new int[known.Length];
        var processes = new Process?[known.Length];
        for (int i = 0; i < known.Length; i++)
            Restart(i);

        for (int step = 0; step < 400; step++)
        {
            int i = random.Next(known.Length);
            switch (random.Next(12))
            {
                case 0:
                    processes[i]?.Endpoint.Dispose();
                    processes[i] = null;
                    break;
                case 1 or 2:
                    Restart(i);
                    break;
                case 3:
                    if (processes[i] is Process process)
                        process.Frozen = !process.Frozen;
                    break;
                default:
                    SendEverywhere(i);
                    break;
            }

            TurnAll();
        }

        for (int i = 0; i < known.Length; i++)
        {
            if (processes[i] is null)
                Restart(i);
            processes[i]!.Frozen = false;
        }

        harness.RunUntil(() =>
        {
            TurnAll();
            return processes.All(p => known.All(k => k == p!.Endpoint.Self || p.Endpoint.Links.IsConnected(k)));
        });
        for (int i = 0; i < known.Length; i++)
        {
            processes[i]!.Received.Clear();
            SendEverywhere(i);
        }

        harness.RunUntil(() =>
        {
            TurnAll();
            return processes.All(p => p!.Received.Count >= known.Length - 1);
        });

        void Restart(int i)
        {
            processes[i]?.Endpoint.Dispose();
            var loop = processes[i]?.Loop ?? harness.NewLoop();
            LinkOptions options = Fast with { SilenceTimeout = TimeSpan.FromMilliseconds(150) };
            var process = new Process(loop, harness.Start(known[i], options, loop, seed: random.Next()));
            processes[i] = process;
            ports[i] = process.Endpoint.Listen(ports[i]).Port;
            foreach (PartyId other in known)
            {
                int j = Array.IndexOf(known, other);
                if (j != i && ports[j] != 0)
                    process.Endpoint.Links.Dial(other, new IPEndPoint(IPAddress.Loopback, ports[j]));
                if (j != i && ports[i] != 0 && processes[j] is Process earlier)
                    earlier.Endpoint.Links.Dial(known[i], new IPEndPoint(IPAddress.Loopback, ports[i]));
            }
        }

        void SendEverywhere(int i)
        {
            if (processes[i] is not Process process)
                return;
            byte[] message = new byte[random.Next(20) == 0 ? random.Next(8, 300_000) : 8];
            BitConverter.TryWriteBytes(message, process.NextNumber++);
            foreach (PartyId other in known)
                process.Endpoint.Links.Send(other, message);
        }

        void TurnAll()
        {
            foreach (Process? process in processes)
            {
                if (process is { Frozen: false })
                    process.Loop.RunTurn(0);
            }
        }
    }

    /// <summary>One party's endpoint on a loop of its own, and the order check on what it receives.</summary>
    private sealed class Process
    {
        private static ulong starts;

        public Process(EventLoop loop, TestEndpoint endpoint)
        {
            Loop = loop;
            Endpoint = endpoint;
            // A restarted party numbers higher than before, so that order can be checked across restarts.
            NextNumber = ++starts << 32;
            endpoint.Handler = (from, message) =>
            {
                ulong number = BitConverter.ToUInt64(message.Span);
                Assert.True(!Received.TryGetValue(from, out ulong last) || number > last, $"{number:x} from {from} after {last:x}");
                Received[from] = number;
            };
        }

        public EventLoop Loop { get; }

        public TestEndpoint Endpoint { get; }

        public bool Frozen { get; set; }

        public ulong NextNumber { get; set; }

        public Dictionary<PartyId, ulong> Received { get; } = [];
    }
}
