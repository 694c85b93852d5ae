using System.Net;
using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Node;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Agreement.Control;

/// <summary>
/// Serves the control plane of one node on threads of its own: gRPC over HTTP/2 and mutual TLS. Only certificates that the
/// cluster file pins get in; all others are refused in the handshake and counted. Every resource that a peer could use up
/// has a bound, since whoever reaches the port can try.
/// </summary>
public sealed class ControlServer : IAsyncDisposable
{
    private const int MaximumConnections = 128;
    private const int MaximumStreams = 16;
    private const int MaximumMessageBytes = 64 << 10;
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(5);

    private readonly WebApplication application;
    private readonly ControlCounters counters;

    private ControlServer(WebApplication application, ControlCounters counters)
    {
        this.application = application;
        this.counters = counters;
    }

    /// <summary>What was refused so far, by name; a consistent copy.</summary>
    public IReadOnlyDictionary<string, ulong> Counters => counters.Snapshot();

    /// <summary>Serves a replica's status.</summary>
    /// <param name="cluster">Who may call.</param>
    /// <param name="address">Where to listen.</param>
    /// <param name="certificate">The node's own, with its private key; stays the caller's.</param>
    /// <param name="source">What to serve.</param>
    /// <exception cref="ConfigurationException">The address can't be listened on.</exception>
    public static Task<ControlServer> StartAsync(
        ClusterFile cluster, IPEndPoint address, X509Certificate2 certificate, INodeStatusSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return StartAsync(
            cluster, address, certificate, services => services.AddSingleton(source), routes => routes.MapGrpcService<NodeService>());
    }

    /// <summary>Serves a controller's status and takes votes for it; parameters and errors as for a replica.</summary>
    public static Task<ControlServer> StartAsync(
        ClusterFile cluster, IPEndPoint address, X509Certificate2 certificate, IControllerStatusSource source, IVoteSink votes)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(votes);
        return StartAsync(
            cluster,
            address,
            certificate,
            services => services.AddSingleton(source).AddSingleton(votes).AddSingleton<CallerTurns>(),
            routes => routes.MapGrpcService<ControllerService>());
    }

    /// <summary>Stops listening and ends what is being served.</summary>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync();
        await application.StopAsync(atOnce.Token);
        await application.DisposeAsync();
    }

    private static async Task<ControlServer> StartAsync(
        ClusterFile cluster,
        IPEndPoint address,
        X509Certificate2 certificate,
        Action<IServiceCollection> addSource,
        Action<WebApplication> mapService)
    {
        var counters = new ControlCounters();
        // The empty builder: no configuration files, no environment, no console logging, a fraction of the memory.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton(counters);
        addSource(builder.Services);
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = MaximumMessageBytes;
            options.MaxSendMessageSize = MaximumMessageBytes;
        });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options => Configure(options, address, new PinnedCertificates(cluster, counters), certificate, counters));

        WebApplication application = builder.Build();
        application.UseRouting();
        mapService(application);
        try
        {
            await application.StartAsync();
        }
        catch (IOException error)
        {
            await application.DisposeAsync();
            string what = error.InnerException is AddressInUseException ? "is in use by another program" : "can't be listened on";
            throw new ConfigurationException($"control address {address} {what}", error);
        }

        return new ControlServer(application, counters);
    }

    private static void Configure(
        KestrelServerOptions options, IPEndPoint address, PinnedCertificates pins, X509Certificate2 certificate, ControlCounters counters)
    {
        options.AddServerHeader = false;
        options.Limits.MaxConcurrentConnections = MaximumConnections;
        options.Limits.MaxRequestBodySize = MaximumMessageBytes;
        options.Limits.Http2.MaxStreamsPerConnection = MaximumStreams;
        options.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(1);
        options.Listen(address, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.Use(next => connection => CountFailureAsync(next, connection, counters));
            listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                HandshakeTimeout = HandshakeTimeout,
                OnConnection = _ => ValueTask.FromResult(pins.ForServer(certificate)),
            });
            listen.Use(next => connection =>
            {
                connection.Items[nameof(CountFailureAsync)] = true;
                return next(connection);
            });
        });
    }

    /// <summary>Runs around TLS: a connection that ends without having come through it is a failed handshake.</summary>
    private static async Task CountFailureAsync(ConnectionDelegate next, ConnectionContext connection, ControlCounters counters)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            if (!connection.Items.ContainsKey(nameof(CountFailureAsync)))
                counters.CountFailedHandshake();
        }
    }

    /// <summary>The node itself decides when it ends; the default lifetime would take its signals away.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
