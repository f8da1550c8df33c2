package dev.culvert.agent;

import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.LinkConnector;
import dev.culvert.tunnel.LinkKeeper;
import dev.culvert.tunnel.LinkRefusedException;
import dev.culvert.tunnel.LinkSettings;
import dev.culvert.tunnel.Reason;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.net.InetAddress;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running agent: one link to its gateway, kept up, and the flows on it. */
public final class Agent implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Agent.class);

    private final AgentToken token;
    private final String instance = UUID.randomUUID().toString();
    private final EventLoopGroup loops = EventLoops.create(1, "agent");
    private final EventLoop loop = loops.next();
    private final NameResolver resolver;
    private final LinkKeeper keeper;
    private final CompletableFuture<LinkRefusedException> refused = new CompletableFuture<>();
    private final boolean echo;
    private boolean everUp;
    private @Nullable FlowMultiplexer current;

    /** @param connectors made from the token's gateways, pin and text */
    public Agent(AgentToken token, List<LinkConnector> connectors, LinkSettings settings) {
        this(token, connectors, settings, new NameResolver());
    }

    /** @param resolver closed with the agent */
    Agent(AgentToken token, List<LinkConnector> connectors, LinkSettings settings, NameResolver resolver) {
        this.resolver = resolver;
        this.token = token;
        this.echo = EchoSessions.isAvailable();
        this.keeper = new LinkKeeper(loop, connectors, settings, new Flows());
    }

    public void start() {
        keeper.start();
    }

    /** Completes when the gateway refuses the token before any link was up; after that the agent goes on trying. */
    public CompletableFuture<LinkRefusedException> refused() {
        return refused;
    }

    @Override
    public void close() {
        resolver.close();
        loop.execute(() -> {
            if (current != null && current.isUp()) {
                current.link().drain("the agent is stopping"); // no new flows, while the Close is on its way
            }
        });
        keeper.stop("the agent was stopped");
        loops.shutdownGracefully(100, 1_000, TimeUnit.MILLISECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
    }

    final class Flows implements LinkKeeper.Listener {
        private @Nullable DestinationGuard guard;
        private TcpDialer tcp = new TcpDialer(loop);
        private UdpMappings udp = new UdpMappings(loop);
        private EchoSessions echoes = new EchoSessions(loop);

        @Override
        public void linkUp(FlowMultiplexer link) {
            everUp = true;
            current = link;
            guard = new DestinationGuard(token.routes(), link.link().remoteAddress());
            tcp = new TcpDialer(loop);
            udp = new UdpMappings(loop);
            echoes = new EchoSessions(loop);
            List<String> routes = token.routes().stream().map(Object::toString).toList();
            String version = Agent.class.getPackage().getImplementationVersion();
            link.announce(new Announcement.Agent(instance, version, routes, echo));
            log.info("connected to {} as '{}', serving {}", keeper.gateway(), token.name(), routes);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            Destination d = flow.request().destination();
            InetAddress address = d.address();
            if (address != null) {
                open(flow, address);
                return;
            }
            String name = Objects.requireNonNull(d.name());
            String client = flow.request().clientName();
            boolean queued = resolver.resolve(client, name, loop, (found, why, words) -> {
                if (!flow.isPending()) {
                    return;
                }
                if (found == null) {
                    flow.refuse(why, words);
                    return;
                }
                InetAddress first = firstPermitted(flow, found);
                if (first == null) {
                    flow.refuse(
                            Reason.PROHIBITED, "'" + name + "' resolves to no address that is granted and served here");
                } else {
                    open(flow, first);
                }
            });
            if (!queued) {
                flow.refuse(Reason.OVERLOADED, "too many names wait to be resolved at the agent");
            }
        }

        private @Nullable InetAddress firstPermitted(IncomingFlow flow, InetAddress[] addresses) {
            for (InetAddress a : addresses) {
                if (permits(flow, a)) {
                    return a;
                }
            }
            return null;
        }

        private boolean permits(IncomingFlow flow, InetAddress address) {
            return guard != null && guard.permits(address, flow.request().restriction());
        }

        private void open(IncomingFlow flow, InetAddress address) {
            Destination d = flow.request().destination();
            if (!permits(flow, address)) {
                flow.refuse(Reason.PROHIBITED, "agent '" + token.name() + "' does not serve " + d);
                return;
            }
            switch (d.protocol()) {
                case Destination.TCP -> tcp.dial(flow, address);
                case Destination.UDP -> udp.open(flow, address);
                default -> echoes.open(flow, address);
            }
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            log.warn("link to {} is down: {}", keeper.gateway(), why);
        }

        @Override
        public void waiting(Throwable why, long retryMillis) {
            log.info("{}; trying again in {} s", why.getMessage(), String.format("%.1f", retryMillis / 1000.0));
        }

        @Override
        public boolean refused(LinkRefusedException why) {
            if (!everUp) {
                refused.complete(why);
                return false;
            }
            log.warn("{}; trying again in a minute", why.getMessage());
            return true;
        }
    }
}
