package dev.culvert.e2e;

import dev.culvert.address.IpPrefix;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.StoreAddress;
import dev.culvert.token.AgentToken;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.TokenSigner;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.connect.Connector;
import dev.culvert.tunnel.connect.Dialling;
import dev.culvert.tunnel.connect.LinkKeeper;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.GatewayTrust;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import dev.culvert.tunnel.link.UpgradeRequest;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Agents that have nothing behind them, many in one process, for {@link CrowdBenchmark}: each has a name, a token and an address
 * of its own, and a link to each gateway on this machine, kept up as an agent keeps it. Prints {@code ALL G} when all are at a gateway,
 * and {@code BACK G} with how long it took when they are so again. Runs until its input ends.
 *
 * <pre>AgentCrowd STATE STORE FIRST COUNT PORT...</pre>
 */
final class AgentCrowd {
    /** A network each: a gateway bounds what comes from one. 127.1.0.1, 127.1.1.1 and so on are this machine. */
    private static final int NETWORKS_EACH = 250;

    /** Between the first attempts of two: a handshake costs about so much. */
    private static final long PACE_MICROS = 4_000;

    private static final int MOST_HELD = 100;

    private final EventLoop loop = EventLoops.create(1, "crowd").next();
    private final SslContext tls;
    private final Gateway[] gateways;
    private final int count;

    private AgentCrowd(SslContext tls, List<Integer> ports, int count) {
        this.tls = tls;
        this.count = count;
        this.gateways = ports.stream().map(Gateway::new).toArray(Gateway[]::new);
    }

    /** How many are at it. Loop only. */
    private final class Gateway {
        final int port;
        int links;
        boolean all; // were here once
        long firstLost;
        long[] at = new long[count + 1]; // when so many were there, since the first was lost

        Gateway(int port) {
            this.port = port;
        }

        void up() {
            at[++links] = System.nanoTime();
            if (links == count) {
                System.out.println(
                        all
                                ? String.format(
                                        Locale.ROOT,
                                        "BACK %d half %.1f, nine of ten %.1f, all %.1f s after the first was lost",
                                        port,
                                        seconds(count / 2),
                                        seconds(count * 9 / 10),
                                        seconds(count))
                                : "ALL " + port);
                all = true;
            }
        }

        private double seconds(int n) {
            return Math.max(0, at[n] - firstLost) / 1e9;
        }

        void down() {
            if (links-- == count) {
                firstLost = System.nanoTime();
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Path path = Path.of(args[0]);
        StateDirectory state = StateDirectory.open(
                path,
                Clock.systemUTC(),
                own -> ClusterStore.open(StoreAddress.parse(args[1]), ClusterKey.read(path.resolve(ClusterKey.FILE))));
        int first = Integer.parseInt(args[2]);
        int count = Integer.parseInt(args[3]);
        List<Integer> ports = List.of(args).subList(4, args.length).stream()
                .map(Integer::valueOf)
                .toList();
        String pin = state.caPin();
        List<URI> urls = state.gatewayUrls();
        TokenSigner signer = state.signer();
        Instant now = Instant.now();
        AgentCrowd crowd =
                new AgentCrowd(GatewayTrust.clientContext(Base64.getUrlDecoder().decode(pin)), ports, count);
        for (int n = first; n < first + count; n++) {
            IpPrefix lan = IpPrefix.parse("10." + n / 256 + "." + n % 256 + ".0/24");
            TokenTerms terms = TokenTerms.of("agent-" + n, urls, pin, now, now.plusSeconds(24 * 3_600))
                    .withAudience(urls);
            crowd.add(n, signer.sign(AgentToken.of(terms, List.of(lan))), lan);
        }
        System.out.println("TOKENS");
        while (System.in.read() >= 0) {
            // until nobody needs it any more
        }
        System.exit(0);
    }

    private void add(int n, String token, IpPrefix lan) {
        loop.schedule(
                () -> {
                    AnsweredFlows flows = new AnsweredFlows(loop, MOST_HELD, (flow, asked) -> true);
                    String instance = UUID.randomUUID().toString();
                    for (int g = 0; g < gateways.length; g++) {
                        Announcement.Agent says = new Announcement.Agent(
                                instance, null, List.of(lan.toString()), true, List.of(), List.of(), g);
                        new LinkKeeper(
                                        loop,
                                        List.of(new To(gateways[g].port, n, token)),
                                        LinkSettings.DEFAULT,
                                        new Attachment(gateways[g], says),
                                        flows)
                                .start();
                    }
                },
                PACE_MICROS * (n % count),
                TimeUnit.MICROSECONDS);
    }

    private static final class Attachment implements LinkKeeper.Listener {
        private final Gateway to;
        private final Announcement.Agent says;

        Attachment(Gateway to, Announcement.Agent says) {
            this.to = to;
            this.says = says;
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            link.announce(says);
            to.up();
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            to.down();
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.HOST_UNREACHABLE, "nothing is behind this agent");
        }

        @Override
        public void waiting(Throwable why, long retryMillis) {}

        @Override
        public boolean refused(LinkRefusedException why) {
            System.out.println("REFUSED " + why.getMessage());
            return true;
        }
    }

    /** As the connector of an agent, but that all of them share what TLS needs, and each comes from elsewhere. */
    private final class To implements Connector {
        private static final long DEADLINE_SECONDS = 15;

        private final InetSocketAddress at;
        private final InetSocketAddress from;
        private final String token;

        To(int port, int n, String token) {
            at = new InetSocketAddress("127.0.0.1", port);
            from = new InetSocketAddress("127." + (1 + n / NETWORKS_EACH) + "." + n % NETWORKS_EACH + ".1", 0);
            this.token = token;
        }

        @Override
        public URI gateway() {
            return URI.create("wss://127.0.0.1:" + at.getPort());
        }

        @Override
        public Future<Link> connect(EventLoop on, LinkSettings settings, FrameReceiver receiver, Dialling before) {
            Promise<Link> promise = on.newPromise();
            UpgradeRequest upgrade = new UpgradeRequest(
                    promise,
                    LinkUpgrade.PATH,
                    gateway().getRawAuthority(),
                    token,
                    null,
                    version -> new Link(Link.Role.WEBSOCKET_CLIENT, true, settings, receiver, version));
            var connected = new Bootstrap()
                    .group(on)
                    .channel(EventLoops.socketChannel())
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) TimeUnit.SECONDS.toMillis(DEADLINE_SECONDS))
                    .option(ChannelOption.TCP_NODELAY, true)
                    .handler(new ChannelInitializer<SocketChannel>() {
                        @Override
                        protected void initChannel(SocketChannel ch) {
                            upgrade.install(ch, tls.newHandler(ch.alloc(), "127.0.0.1", at.getPort()));
                        }
                    })
                    .connect(at, from);
            Future<?> late = on.schedule(
                    () -> promise.tryFailure(new ConnectException("no answer")), DEADLINE_SECONDS, TimeUnit.SECONDS);
            connected.addListener(f -> {
                if (!f.isSuccess()) {
                    promise.tryFailure(f.cause());
                }
            });
            promise.addListener(f -> {
                late.cancel(false);
                if (!f.isSuccess()) {
                    connected.channel().close();
                }
            });
            return promise;
        }
    }
}
