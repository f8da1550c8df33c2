package dev.culvert.agent;

import dev.culvert.policy.publication.Publication;
import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.names.ResolverName;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.WeakHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running agent: a link to each of its gateways, kept up, and the flows on them. */
public final class Agent implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Agent.class);

    /** Of all sockets, what flows may have that have no link: the others are for those that move. */
    private static final int HELD_FRACTION = 4;

    /** The gateway answers the Close, so that it is sure to hear of it; and a link that gets no answer is closed after a second. */
    private static final Duration LINK_ENDS = Duration.ofMillis(1_500);

    private final AgentToken token;
    private final Instance instance;
    private final EventLoopGroup loops = EventLoops.create(1, "agent");
    final EventLoop loop = loops.next();
    private final NameResolver resolver;
    private final OwnAddresses own = new OwnAddresses();
    private final NameServers nameServers;
    final List<Attachment> attachments;
    private final boolean echo;
    private final AnsweredFlows flows;
    private final Flows listener = new Flows();
    private final Draining draining;
    private final CompletableFuture<Void> connected = new CompletableFuture<>();
    private List<String> namedDomains = List.of(); // the loop's
    private boolean searchDomains; // the loop's
    private volatile boolean closing;

    /**
     * @param instance this process; the caller's to close
     * @param connectors made from the token's gateways, pin and text
     */
    Agent(AgentToken token, Instance instance, List<LinkConnector> connectors, LinkSettings settings) {
        this(token, instance, connectors, settings, InetAddress::getAllByName, NameServers.RESOLV_CONF);
    }

    /**
     * @param lookup what is asked for the addresses of names
     * @param resolvConf which name servers this machine has
     */
    Agent(
            AgentToken token,
            Instance instance,
            List<LinkConnector> connectors,
            LinkSettings settings,
            NameResolver.Lookup lookup,
            Path resolvConf) {
        this.instance = instance;
        this.nameServers = new NameServers(resolvConf, loop.ticker());
        this.resolver = new NameResolver(loop, lookup);
        this.token = token;
        this.echo = EchoSessions.isAvailable();
        this.draining = new Draining(loop, listener.budget::connections, log::info);
        this.flows = new AnsweredFlows(loop, Descriptors.forFlows() / HELD_FRACTION, listener);
        this.attachments = connectors.stream()
                .map(c -> new Attachment(loop, c, settings, flows, listener))
                .toList();
    }

    public void start() {
        attachments.forEach(Attachment::start);
    }

    /** Asks the gateways to publish these from now on, and nothing else of it. From any thread. */
    void publish(List<Publication> publications) {
        loop.execute(() -> {
            for (Attachment a : attachments) {
                a.publishing.set(publications);
                FlowMultiplexer link = a.link();
                if (link != null) {
                    announce(a, link);
                }
            }
        });
    }

    /** How it is. From any thread. */
    Future<AgentMoment> moment() {
        return loop.submit(listener::moment);
    }

    /** Completes with the first link. */
    CompletableFuture<Void> connected() {
        return connected;
    }

    /** What gateways know this process by. */
    String instance() {
        return instance.id();
    }

    private List<FlowMultiplexer> links() {
        return attachments.stream()
                .map(Attachment::link)
                .filter(Objects::nonNull)
                .toList();
    }

    private void announce(Attachment to, FlowMultiplexer link) {
        link.announce(to.publishing.in(new Announcement.Agent(
                instance.id(),
                Agent.class.getPackage().getImplementationVersion(),
                token.routes().stream().map(Object::toString).toList(),
                echo,
                instance.replaces(),
                List.of(),
                attachments.indexOf(to),
                domains())));
    }

    /**
     * Has clients that may ask them here ask about these domains, from the next link on.
     *
     * @param named in their compared form
     * @param search whether also about those that programs here may leave out of a name
     */
    void announceDomains(List<String> named, boolean search) {
        loop.execute(() -> {
            namedDomains = List.copyOf(named);
            searchDomains = search;
        });
    }

    private List<String> domains() {
        return Stream.concat(
                        namedDomains.stream(), searchDomains ? nameServers.search().stream() : Stream.<String>empty())
                .distinct()
                .limit(Announcement.Agent.MAX_DOMAINS)
                .toList();
    }

    /**
     * Has the gateways send nothing new, and lets connections end where that helps anybody; see {@link Draining}. From any thread.
     *
     * @return done when the agent may be closed
     */
    CompletableFuture<?> drain() {
        loop.execute(() -> draining.begin(links()));
        return draining.over();
    }

    /** Ends it, and all flows with it. */
    @Override
    public void close() {
        closing = true;
        resolver.close();
        loop.execute(() -> links().forEach(draining::tell)); // no new flows, while the Close is on its way
        List<Future<?>> ended = attachments.stream()
                .<Future<?>>map(a -> a.stop("the agent was stopped"))
                .toList();
        long until = System.nanoTime() + LINK_ENDS.toNanos();
        for (Future<?> link : ended) {
            link.awaitUninterruptibly(Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
        }
        loops.shutdownGracefully(100, 1_000, TimeUnit.MILLISECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
        own.close();
    }

    private final class Flows implements Attachment.Owner, AnsweredFlows.Judge {
        private @Nullable DestinationGuard guard;

        // The process's, not a link's: what a link that has just broken leaves behind counts too.
        private final SocketBudget budget = new SocketBudget();
        private final TcpDialer tcp = new TcpDialer(loop, budget);
        private final UdpMappings udp = new UdpMappings(loop, budget);
        private final EchoSessions echoes = new EchoSessions(loop, budget);
        private final ResolverFlows questions = new ResolverFlows(loop, budget);

        private long opens;
        private long denied;

        AgentMoment moment() {
            return new AgentMoment(
                    attachments.stream().map(Attachment::moment).toList(),
                    draining.hasBegun(),
                    flows.heldCount(),
                    new AgentStatus.Sockets(
                            budget.connections(),
                            budget.count(SocketBudget.Kind.UDP),
                            budget.count(SocketBudget.Kind.PING),
                            Descriptors.forFlows()),
                    tcp.dialCount(),
                    flows.heldBytes(),
                    flows.keptBytes(),
                    flows.wentOnCount(),
                    tcp.failedCounts(),
                    tcp.times(),
                    udp.dropped(),
                    opens,
                    denied);
        }

        /** Equal restrictions of flows that wait are one object; a policy makes few that differ. */
        private final Map<Restriction, WeakReference<Restriction>> restrictions = new WeakHashMap<>();

        /** Of all of them, also of those that are away just now: their machines are no part of the network that is served. */
        @Override
        public void gatewaysChanged() {
            guard = new DestinationGuard(
                    token.routes(),
                    attachments.stream().flatMap(a -> a.addresses().stream()).toList(),
                    own);
        }

        @Override
        public void linkUp(Attachment attachment, FlowMultiplexer link) {
            gatewaysChanged();
            if (draining.hasBegun()) {
                draining.tell(link); // first: from its announcement on flows might come
            }
            announce(attachment, link);
            String group = link.link().keyExchange();
            log.info(
                    "connected to {} as '{}', serving {}{}",
                    attachment.gateway,
                    token.name(),
                    token.routes().stream().map(Object::toString).collect(Collectors.joining(", ")),
                    group.isEmpty() ? "" : "; keys by " + group);
            connected.complete(null);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            opens++;
            Destination d = flow.request().destination();
            if (log.isDebugEnabled()) {
                log.atDebug()
                        .addKeyValue("flow", flow.id())
                        .log("flow {} of '{}' to {}", flow.id(), flow.request().client(), d);
            }
            InetAddress address = d.address();
            String domain = ResolverName.domain(d);
            if (domain != null) {
                openResolver(flow, domain);
            } else if (address == null) {
                openName(flow, Objects.requireNonNull(d.name()));
            } else if (permits(address, flow.request().restriction())) {
                open(flow, List.of(address));
            } else {
                denied++;
                flow.refuse(Reason.PROHIBITED, "agent '" + token.name() + "' does not serve " + d);
            }
        }

        /**
         * The gateway has judged the domain, or says which addresses the client may reach: then those of our name servers that are among
         * them may be asked whatever they answer, as the client could ask them itself.
         */
        private void openResolver(IncomingFlow flow, String domain) {
            Restriction restriction = shared(flow.takeRestriction());
            boolean byAddress = restriction != null && restriction.only() != null;
            Supplier<List<InetSocketAddress>> servers = () -> byAddress
                    ? nameServers.servers().stream()
                            .filter(s -> permits(s.getAddress(), restriction))
                            .toList()
                    : nameServers.servers();
            if (servers.get().isEmpty()) {
                denied++;
                flow.refuse(Reason.PROHIBITED, "no name server of agent '" + token.name() + "' is granted");
            } else {
                questions.open(flow, domain, servers);
            }
        }

        @Override
        public void others(FlowMultiplexer link, int instances) {
            draining.others(link, instances);
        }

        @Override
        public int held(FlowMultiplexer link) {
            return flows.heldCount() + link.flowCount();
        }

        @Override
        public boolean isClosing() {
            return closing;
        }

        private void openName(IncomingFlow flow, String name) {
            Restriction restriction = shared(flow.takeRestriction());
            // No grant names it: its addresses alone decide, and a client that may reach none learns nothing of it.
            boolean discreet = restriction != null && restriction.only() != null;
            NameResolver.Question question = resolver.resolve(
                    flow.request().clientName(),
                    name,
                    restriction == null ? 0 : restriction.bytes(),
                    discreet,
                    guard != null && restriction != null && !guard.permitsAny(restriction),
                    new NameResolver.Asker() {
                        @Override
                        public boolean found(InetAddress[] addresses) {
                            List<InetAddress> permitted = Arrays.stream(addresses)
                                    .filter(a -> permits(a, restriction))
                                    .toList();
                            if (permitted.isEmpty()) {
                                return false;
                            }
                            open(flow, permitted);
                            return true;
                        }

                        @Override
                        public void refused(Reason why, String words) {
                            denied += why == Reason.PROHIBITED ? 1 : 0;
                            flow.refuse(why, words);
                        }
                    });
            if (question == null) {
                flow.refuse(Reason.OVERLOADED, "too many names wait to be resolved at the agent");
            } else {
                flow.onAbandoned(question::giveUp);
            }
        }

        private @Nullable Restriction shared(@Nullable Restriction restriction) {
            if (restriction == null) {
                return null;
            }
            WeakReference<Restriction> known = restrictions.get(restriction);
            Restriction shared = known == null ? null : known.get();
            if (shared == null) {
                restrictions.put(restriction, new WeakReference<>(restriction));
            }
            return shared == null ? restriction : shared;
        }

        @Override
        public boolean mayGoOn(LinkFlow flow, OpenRequest asked) {
            if (ResolverName.domain(flow.request().destination()) != null) {
                return asked.restriction() == null; // by addresses it is opened anew
            }
            InetAddress address = flow.leadsTo();
            return address != null && permits(address, asked.restriction());
        }

        private boolean permits(InetAddress address, @Nullable Restriction restriction) {
            return guard != null && guard.permits(address, restriction);
        }

        /** @param permitted at least one */
        private void open(IncomingFlow flow, List<InetAddress> permitted) {
            switch (flow.request().destination().protocol()) {
                case Destination.TCP -> tcp.dial(flow, permitted);
                case Destination.UDP -> udp.open(flow, permitted.get(0));
                default -> echoes.open(flow, permitted.get(0));
            }
        }
    }
}
