package dev.culvert.client.uplink;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.Transport;
import dev.culvert.command.metrics.Histogram;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.connect.Connector;
import dev.culvert.tunnel.connect.Dialling;
import dev.culvert.tunnel.connect.LinkKeeper;
import dev.culvert.tunnel.connect.Repetition;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.names.ResolverName;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The link to the gateway, kept up, and what may be reached through it: flows are opened by the address, the name or the agent
 * of their destination. Event loop only, but where it says otherwise.
 */
public final class Uplink {
    /** What becomes of it, beside the flows, and what must be done before a gateway is dialled. Event loop. */
    public interface Listener extends Dialling {
        /** The gateway has said anew what there is. */
        void announced(RouteTable routes);
    }

    /**
     * A moment's figures of the link.
     *
     * @param trouble why there is no link; empty while there is one
     * @param agents how many instances of each are connected
     */
    public record Status(boolean linked, String trouble, long rttMicros, Map<String, Integer> agents) {}

    /**
     * More of a moment, for who asks.
     *
     * @param gateway of the link, else that is being tried
     * @param since how long there has been a link, or none
     * @param held flows that wait for a link, or for their agent
     * @param networks that each agent has announced, as they are now
     * @param figures what was counted
     */
    public record Details(
            URI gateway, Duration since, int held, Map<String, List<IpPrefix>> networks, Figures figures) {}

    /**
     * What was counted since the start.
     *
     * @param linksUp links that came up
     * @param roundTrips what PINGs to gateways took to be answered; goes on counting
     * @param wentOn how often a flow has gone on over another link, or to another process of its agent
     * @param heldBytes what flows without a link keep now
     * @param keptBytes what all flows have sent and keep now until it has been received
     */
    public record Figures(long linksUp, Histogram roundTrips, long wentOn, long heldBytes, long keptBytes) {}

    /**
     * While the link has been gone for less than this, new flows meet silence, and the application's kernel asks again;
     * later they are told that the network is unreachable.
     */
    static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Heap of a flow with all that belongs to it, from the stack to the link: 2.9 KB of TCP (measured), and some to spare. */
    static final int FLOW_BYTES = 4 << 10;

    /** Flows that fit half of the heap: 32,768 in the 256 MiB of the launcher. Beyond that new ones meet silence. */
    public static final int MAX_FLOWS =
            (int) Math.min(FlowMultiplexer.MAX_FLOWS, Runtime.getRuntime().maxMemory() / 2 / FLOW_BYTES);

    /** Announcements count so often at most, the newest: a table of a thousand routes takes a while to make. */
    static final long ANNOUNCEMENT_MILLIS = 1_000;

    /** Lines about what was announced: so many at once, then one in two seconds, and how many were left out. */
    static final int NEWS_LINES = 32;

    private static final double NEWS_LINES_PER_SECOND = 0.5;

    /**
     * Agents come back to a gateway that was restarted within this: until then, and while flows are held, those that were there
     * before keep their routes.
     */
    static final Duration AGENTS_RETURN = Duration.ofSeconds(30);

    private final EventLoop loop;
    private final LinkKeeper keeper;
    private final OpenedFlows flows;
    private final TokenGrants grants;
    private final RouteTable.Wanted wanted;
    private final Voice voice;
    private final int maxFlows;
    private final CompletableFuture<Throwable> failed = new CompletableFuture<>();
    private final Repetition troubles = new Repetition();
    private final AgentNews news = new AgentNews();
    private final Voice newsLines;
    private final Newest<Announced> announcements;
    private Listener listener = routes -> {};
    private final List<Runnable> watchers = new ArrayList<>();
    private RouteTable routes = RouteTable.EMPTY;
    private @Nullable Announced known;
    private Map<String, String> announcedDomains = Map.of();
    private String trouble = "connecting";
    private boolean everUp;
    private boolean told; // what there is

    /** Null while there is no link. */
    private @Nullable FlowMultiplexer link;

    /** The last there was: its flows end some time after it. */
    private @Nullable FlowMultiplexer last;

    private final Elsewhere elsewhere;
    private final LastKnown lastKnown = new LastKnown();
    private @Nullable Future<?> review;
    private final Histogram roundTrips = new Histogram();
    private long linksUp;
    private long upSinceNanos;
    private boolean returned; // the link is not the first
    private long downSinceNanos;
    private volatile boolean stopped;

    /**
     * @param loop on which all of it lives, flows too
     * @param connectors to the gateways, in the order in which they are tried
     * @param grants of the client's own token
     * @param session this process's own
     */
    public Uplink(
            EventLoop loop,
            List<? extends Connector> connectors,
            LinkSettings settings,
            TokenGrants grants,
            RouteTable.Wanted wanted,
            ClientSession session,
            Voice voice) {
        this(loop, connectors, settings, grants, wanted, session, voice, MAX_FLOWS);
    }

    Uplink(
            EventLoop loop,
            List<? extends Connector> connectors,
            LinkSettings settings,
            TokenGrants grants,
            RouteTable.Wanted wanted,
            ClientSession session,
            Voice voice,
            int maxFlows) {
        this.loop = loop;
        this.grants = grants;
        this.wanted = wanted;
        this.voice = voice;
        this.maxFlows = maxFlows;
        announcements = new Newest<>(loop, ANNOUNCEMENT_MILLIS, this::announced);
        downSinceNanos = loop.ticker().nanoTime();
        newsLines = new LimitedVoice(voice, NEWS_LINES, NEWS_LINES_PER_SECOND, loop.ticker()::nanoTime);
        flows = new OpenedFlows(loop, session, n -> tell(n == 1 ? "1 flow goes on" : n + " flows go on"));
        keeper = new LinkKeeper(loop, connectors, settings, new Events(), flows);
        elsewhere = new Elsewhere(loop, keeper::change, this::tell);
    }

    /** Connects, for as long as it is not stopped. Any thread, once. */
    public void start(Listener listener) {
        loop.execute(() -> this.listener = listener);
        keeper.start();
    }

    /** {@code announced} runs after each announcement, from now on. Event loop. */
    public void watch(Runnable announced) {
        watchers.add(announced);
    }

    /**
     * Closes the link, which ends its flows, and stays down. Any thread.
     *
     * @return done when nothing is left of the link; see {@link LinkKeeper#stop}
     */
    public Future<?> stop(String why) {
        stopped = true;
        return keeper.stop(why);
    }

    /** Another way leads to the gateways than before. Any thread. */
    public void networkChanged() {
        keeper.networkChanged();
    }

    /** Completes when it cannot go on: every gateway refuses the token, and none has ever taken it. Any thread. */
    public CompletableFuture<Throwable> failed() {
        return failed;
    }

    /** Any thread. */
    public EventLoop eventLoop() {
        return loop;
    }

    /** By what was announced last, also while there is no link. */
    public RouteTable routes() {
        return routes;
    }

    public Status status() {
        FlowMultiplexer l = link;
        return new Status(l != null, trouble, l == null ? 0 : l.link().rttMicros(), new TreeMap<>(news.agents()));
    }

    /** Event loop. */
    public Details details() {
        long since = loop.ticker().nanoTime() - (link == null ? downSinceNanos : upSinceNanos);
        return new Details(
                keeper.gateway(),
                Duration.ofNanos(since),
                flows.heldCount(),
                lastKnown.networks(),
                new Figures(linksUp, roundTrips, flows.wentOnCount(), flows.heldBytes(), flows.keptBytes()));
    }

    /**
     * What there is, as it can be announced to others who open flows by this; null before it was announced here. Event loop.
     *
     * @param client whose token it is
     */
    public Announcement.@Nullable Reachable known(String client) {
        return known == null ? null : known.asSaid(client);
    }

    /** Whether it has no link and no flow waits for one: nothing is lost when the next is of another kind. Event loop. */
    boolean isFree() {
        return link == null && flows.heldCount() == 0;
    }

    /** Flows that have not ended, those of a link that has gone among them. */
    public int flowCount() {
        FlowMultiplexer l = last;
        return flows.waitingCount() + (l == null ? 0 : l.flowCount());
    }

    /**
     * Opens a flow through the agent that the destination's address is routed to, by the address that it has there; if it has a
     * name, through one that the token lets reach it.
     *
     * @param source the application, as the agent's host may know it; null when it has no address
     * @param handler added to the flow's pipeline
     * @throws FlowException saying why there is none
     */
    public LinkFlow open(Destination destination, @Nullable InetSocketAddress source, ChannelHandler handler)
            throws FlowException {
        FlowMultiplexer l = linked();
        InetAddress address = destination.address();
        RouteTable.Way way = address == null ? byName(destination) : routes.wayTo(address);
        if (way == null && !told) {
            throw new FlowException(Reason.LINK_LOST, "the gateway has not said yet what there is");
        }
        if (way == null) {
            throw new FlowException(Reason.NETWORK_UNREACHABLE, "no agent serves " + destination);
        }
        Destination there = address == null || way.map() == null
                ? destination
                : Destination.of(destination.protocol(), way.there(address), destination.port());
        LinkFlow flow = open(l, way.agent(), there, source, handler);
        if (!destination.isStream() && routes.hasMaps(way.agent())) {
            flow.pipeline().addFirst(new ShownErrors(way.agent(), way.map(), address, this::routes));
        }
        return flow;
    }

    private RouteTable.@Nullable Way byName(Destination destination) {
        String agent = agentForName(destination);
        return agent == null ? null : new RouteTable.Way(agent, null);
    }

    /**
     * As {@link #open(Destination, InetSocketAddress, ChannelHandler)}, through an agent that the user has named: whether it
     * serves the destination is its to say, and an address is the one that it has there.
     */
    public LinkFlow open(
            String agent, Destination destination, @Nullable InetSocketAddress source, ChannelHandler handler)
            throws FlowException {
        return open(linked(), agent, destination, source, handler);
    }

    /** The agent that {@link #open(Destination, InetSocketAddress, ChannelHandler)} would go through; null for none. */
    public @Nullable String agentFor(Destination destination) {
        return destination.address() == null ? agentForName(destination) : routes.agentFor(destination.address());
    }

    /** Whether there are agents that this client has been told of. */
    public boolean knowsAgents() {
        return !news.agents().isEmpty();
    }

    /** Whether a gateway has ever said what there is. */
    public boolean isTold() {
        return told;
    }

    private FlowMultiplexer linked() throws FlowException {
        FlowMultiplexer l = link;
        if (l == null || !l.isUp()) {
            throw new FlowException(
                    loop.ticker().nanoTime() - downSinceNanos < PATIENCE.toNanos()
                            ? Reason.LINK_LOST
                            : Reason.NETWORK_UNREACHABLE,
                    "no link to the gateway");
        }
        return l;
    }

    private LinkFlow open(
            FlowMultiplexer l,
            String agent,
            Destination destination,
            @Nullable InetSocketAddress source,
            ChannelHandler handler)
            throws FlowException {
        if (!l.canOpen() || flowCount() >= maxFlows) {
            throw new FlowException(Reason.OVERLOADED, "too many flows");
        }
        return l.open(OpenRequest.ofClient(destination, agent, source), handler, destination.isStream());
    }

    /**
     * Of the agents that a grant names the host with, one that is connected, then the one whose name sorts first; else so of those
     * that may be granted it by its address, which the agent finds out.
     */
    private @Nullable String agentForName(Destination destination) {
        Transport transport = transport(destination);
        String host = destination.hostText();
        int port = destination.port();
        String named = agent(name -> grants.permitsName(name, transport, host, port));
        return named != null
                ? named
                : agent(name -> !grants.prefixesFor(name, transport, port).isEmpty());
    }

    /**
     * The agent whose own resolver may be asked about a domain: one where the token lets all of it be asked, else one through which some
     * name server may be reached; of several as for {@link #agentFor}.
     *
     * @param domain in its compared form; empty for all names
     */
    public @Nullable String resolverFor(String domain) {
        String itsOwn = announcedDomains.get(domain);
        if (itsOwn != null) {
            return itsOwn;
        }
        String named = agent(name -> grants.permitsAsking(name, domain));
        return named != null
                ? named
                : agent(name -> !grants.prefixesFor(name, Transport.UDP, ResolverName.PORT)
                        .isEmpty());
    }

    /** Domains that agents have announced and the token lets be asked there, and the agent of each; of several the first by name. */
    public Map<String, String> announcedDomains() {
        return announcedDomains;
    }

    private @Nullable String agent(Predicate<String> may) {
        String away = null;
        for (Map.Entry<String, Integer> agent : news.agents().entrySet()) {
            if ((agent.getValue() > 0 || away == null) && may.test(agent.getKey())) {
                if (agent.getValue() > 0) {
                    return agent.getKey();
                }
                away = agent.getKey();
            }
        }
        return away;
    }

    private static Transport transport(Destination destination) {
        return switch (destination.protocol()) {
            case Destination.TCP -> Transport.TCP;
            case Destination.UDP -> Transport.UDP;
            default -> Transport.ICMP;
        };
    }

    private void announced(Announced said) {
        boolean waiting = !said.barred()
                && (flows.heldCount() > 0
                        || returned && loop.ticker().nanoTime() - upSinceNanos < AGENTS_RETURN.toNanos());
        Announced announced = lastKnown.with(said, waiting);
        if (review != null) {
            review.cancel(false);
            review = null;
        }
        if (!announced.agents().equals(said.agents())) {
            review = loop.schedule(() -> announced(said), AGENTS_RETURN.toMillis(), TimeUnit.MILLISECONDS);
        }
        news.of(announced).forEach(this::tell);
        RouteTable table = RouteTable.of(announced, grants, wanted);
        news.problems(table.problems()).forEach(this::tell);
        routes = table;
        Map<String, String> domains = new TreeMap<>();
        announced
                .agents()
                .values()
                .forEach(agent -> agent.domains().stream()
                        .filter(domain -> grants.permitsAsking(agent.name(), domain))
                        .forEach(domain -> domains.putIfAbsent(domain, agent.name())));
        announcedDomains = domains;
        known = announced;
        told = true;
        listener.announced(table);
        watchers.forEach(Runnable::run);
        flows.tryAgain();
        elsewhere.said(said.elsewhere());
    }

    private void tell(String line) {
        newsLines.say(line);
    }

    /** What happens to the link. */
    private final class Events implements LinkKeeper.Listener {
        @Override
        public CompletionStage<?> beforeDial(List<InetSocketAddress> addresses) {
            return listener.beforeDial(addresses);
        }

        @Override
        public void linkUp(FlowMultiplexer up) {
            link = up;
            last = up;
            linksUp++;
            returned = everUp;
            everUp = true;
            upSinceNanos = loop.ticker().nanoTime();
            trouble = "";
            troubles.clear();
            if (keeper.moves()) {
                up.announce(new Announcement.Client(true));
            }
            String group = up.link().keyExchange();
            voice.say("connected to the gateway" + (keeper.moves() ? " " + keeper.gateway() : "")
                    + (group.isEmpty() ? "" : ", keys by " + group));
        }

        @Override
        public void roundTrip(FlowMultiplexer of, long nanos) {
            roundTrips.add(nanos);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "a client answers no flows");
        }

        @Override
        public void onAnnounce(FlowMultiplexer from, ByteBuf payload) throws ProtocolException {
            announcements.offer(Announced.of(Announcement.decode(payload, Announcement.Reachable.class)));
        }

        @Override
        public void onDrain(FlowMultiplexer from, Drain drain) {
            voice.say("the gateway is about to stop: " + drain.text());
        }

        @Override
        public void linkDown(FlowMultiplexer down, String why) {
            announcements.drop();
            elsewhere.drop();
            if (review != null) {
                review.cancel(false);
                review = null;
            }
            link = null;
            downSinceNanos = loop.ticker().nanoTime();
            trouble = why;
            troubles.isNews(why, loop.ticker().nanoTime()); // said here
            if (!stopped) {
                int held = down.link().endsFlows() || !down.isOutlived() ? 0 : flowCount();
                voice.say("link lost: " + why
                        + (held == 0 ? "" : held == 1 ? "; 1 flow is held" : "; " + held + " flows are held"));
            }
        }

        @Override
        public void waiting(Throwable why, long retryMillis) {
            trouble = String.valueOf(why.getMessage());
            if (troubles.isNews(trouble, loop.ticker().nanoTime())) {
                voice.say(trouble + "; trying again");
            }
        }

        @Override
        public boolean refused(LinkRefusedException why) {
            if (!everUp) {
                failed.complete(why);
                return false;
            }
            trouble = String.valueOf(why.getMessage());
            if (troubles.isNews(trouble, loop.ticker().nanoTime())) {
                voice.say(trouble + "; trying again now and then");
            }
            return true;
        }
    }
}
