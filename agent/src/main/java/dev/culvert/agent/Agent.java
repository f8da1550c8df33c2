package dev.culvert.agent;

import dev.culvert.policy.publication.Publication;
import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.connect.LinkKeeper;
import dev.culvert.tunnel.connect.Repetition;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.WeakHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running agent: one link to its gateway, kept up, and the flows on it. */
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
    private final LinkKeeper keeper;
    private final Repetition troubles = new Repetition();
    private final boolean echo;
    private final AnsweredFlows flows;
    private final Draining draining;
    private final Publishing publishing = new Publishing(log::warn);
    private @Nullable FlowMultiplexer current;
    private volatile boolean closing;

    /**
     * @param instance this process; the caller's to close
     * @param connectors made from the token's gateways, pin and text
     */
    Agent(AgentToken token, Instance instance, List<LinkConnector> connectors, LinkSettings settings) {
        this(token, instance, connectors, settings, InetAddress::getAllByName);
    }

    /** @param lookup what is asked for the addresses of names */
    Agent(
            AgentToken token,
            Instance instance,
            List<LinkConnector> connectors,
            LinkSettings settings,
            NameResolver.Lookup lookup) {
        this.instance = instance;
        this.resolver = new NameResolver(loop, lookup);
        this.token = token;
        this.echo = EchoSessions.isAvailable();
        Flows listener = new Flows();
        this.draining = new Draining(loop, listener.budget::connections, log::info);
        this.flows = new AnsweredFlows(loop, Descriptors.forFlows() / HELD_FRACTION, listener);
        this.keeper = new LinkKeeper(loop, connectors, settings, listener, flows);
    }

    public void start() {
        keeper.start();
    }

    /** Asks the gateway to publish these from now on, and nothing else of it. From any thread. */
    void publish(List<Publication> publications) {
        loop.execute(() -> {
            publishing.set(publications);
            if (current != null && current.isUp()) {
                announce(current);
            }
        });
    }

    private void announce(FlowMultiplexer link) {
        link.announce(publishing.in(new Announcement.Agent(
                instance.id(),
                Agent.class.getPackage().getImplementationVersion(),
                token.routes().stream().map(Object::toString).toList(),
                echo,
                instance.replaces())));
    }

    /**
     * Has the gateway send nothing new, and lets connections end where that helps anybody; see {@link Draining}. From any thread.
     *
     * @return done when the agent may be closed
     */
    CompletableFuture<?> drain() {
        loop.execute(() -> {
            if (current != null && current.isUp()) {
                draining.begin(current);
            } else {
                draining.begin();
            }
        });
        return draining.over();
    }

    /** Ends it, and all flows with it. */
    @Override
    public void close() {
        closing = true;
        resolver.close();
        loop.execute(() -> {
            if (current != null && current.isUp()) {
                draining.tell(current); // no new flows, while the Close is on its way
            }
        });
        keeper.stop("the agent was stopped").awaitUninterruptibly(LINK_ENDS.toMillis());
        loops.shutdownGracefully(100, 1_000, TimeUnit.MILLISECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
        own.close();
    }

    final class Flows implements LinkKeeper.Listener, AnsweredFlows.Judge {
        private @Nullable DestinationGuard guard;

        // The process's, not a link's: what a link that has just broken leaves behind counts too.
        private final SocketBudget budget = new SocketBudget();
        private final TcpDialer tcp = new TcpDialer(loop, budget);
        private final UdpMappings udp = new UdpMappings(loop, budget);
        private final EchoSessions echoes = new EchoSessions(loop, budget);

        /** Equal restrictions of flows that wait are one object; a policy makes few that differ. */
        private final Map<Restriction, WeakReference<Restriction>> restrictions = new WeakHashMap<>();

        @Override
        public void linkUp(FlowMultiplexer link) {
            troubles.clear();
            current = link;
            guard = new DestinationGuard(token.routes(), link.link().remoteAddress(), own);
            publishing.linkUp();
            if (draining.hasBegun()) {
                draining.tell(link); // first: from its announcement on flows might come
            }
            announce(link);
            String group = link.link().keyExchange();
            log.info(
                    "connected to {} as '{}', serving {}{}",
                    keeper.gateway(),
                    token.name(),
                    token.routes().stream().map(Object::toString).collect(Collectors.joining(", ")),
                    group.isEmpty() ? "" : "; keys by " + group);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            Destination d = flow.request().destination();
            InetAddress address = d.address();
            if (address == null) {
                openName(flow, Objects.requireNonNull(d.name()));
            } else if (permits(address, flow.request().restriction())) {
                open(flow, List.of(address));
            } else {
                flow.refuse(Reason.PROHIBITED, "agent '" + token.name() + "' does not serve " + d);
            }
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload) throws ProtocolException {
            Announcement.Answer answer = Announcement.decode(payload, Announcement.Answer.class);
            if (answer.others() != null) {
                draining.others(answer.others());
            }
            if (answer.refused() != null) {
                publishing.refused(answer.refused());
            }
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

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            troubles.isNews(why, loop.ticker().nanoTime());
            if (!closing) {
                int held = link.link().endsFlows() ? 0 : flows.heldCount() + link.flowCount();
                log.warn(
                        "link to {} is down: {}; connecting again{}",
                        keeper.gateway(),
                        why,
                        held == 0 ? "" : ", " + held + " flows are held");
            }
        }

        @Override
        public void waiting(Throwable why, long retryMillis) {
            say(String.valueOf(why.getMessage()), "; trying again");
        }

        /** A service goes on: somebody may renew the token's key, take a revocation back, or set the gateway's clock right. */
        @Override
        public boolean refused(LinkRefusedException why) {
            say(String.valueOf(why.getMessage()), "; asking again once a minute");
            return true;
        }

        private void say(String trouble, String then) {
            if (troubles.isNews(trouble, loop.ticker().nanoTime())) {
                log.warn("{}{}", trouble, then);
            }
        }
    }
}
