package dev.culvert.gateway.fabric;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.gateway.access.HeldRights;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.FailedDials;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PresentAgent;
import dev.culvert.gateway.presence.PresentClient;
import dev.culvert.gateway.presence.PublicationListener;
import dev.culvert.policy.publication.Publication;
import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HeldFlow;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An agent instance's: takes the flows that clients were allowed to open. */
final class AgentRole implements Role, PresentAgent {
    private static final Logger log = LoggerFactory.getLogger(AgentRole.class);

    /** Routes in one announcement: as many as a token can hold. Each is compared with each that the token holds. */
    static final int MAX_ROUTES = 1_024;

    /** Announcements on one link: an instance announces once, and again when its routes change. */
    static final int MAX_ANNOUNCEMENTS = 1_000;

    /** Changes of its routes take effect so often at most, the newest: each client that may use it is told. */
    static final long CHANGE_MILLIS = 1_000;

    /**
     * OPENs that may wait for the agent, in all and of one client: more than links bring before what they brought is written, so
     * that an agent that reads is never too slow for a burst.
     */
    static final int MAX_OPENS_WAITING = 32_768;

    static final int MAX_OPENS_WAITING_PER_CLIENT = 16_384;

    /** Questions about flows that it holds: as many as it asks at once, and each ten seconds. */
    static final int QUESTIONS = 1_024;

    private static final double QUESTIONS_PER_SECOND = QUESTIONS / 8.0;

    /**
     * Sessions that have ended of which it is told when it comes: each costs an HMAC. Only clients that started within two hours
     * name any.
     */
    private static final int MAX_ENDED = 1_024;

    /** Prefixes that are listed when it says what it serves. */
    private static final int MAX_LOGGED = 20;

    /** It goes into logs. */
    private static final Pattern INSTANCE = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    private final LinkSide side;
    private final Services services;
    private final Presence<AgentRole> presence;
    private final PrefixTable<Boolean> granted;
    private final Quota<String> opensWaiting = new Quota<>(MAX_OPENS_WAITING, MAX_OPENS_WAITING_PER_CLIENT);
    private final FailedDials failedDials = new FailedDials();
    private final HeldRights heldRights;
    private final Publisher publisher;
    private final RateLimit questions;
    private volatile List<IpPrefix> routes = List.of();
    private volatile List<String> domains = List.of();
    private volatile PrefixTable<Boolean> served = new PrefixTable<>();
    private volatile boolean draining;
    private volatile boolean superseded;
    private volatile boolean drained; // by whoever works on it
    private volatile @Nullable String instance;
    private volatile int attachment;

    /** Answerers whose processes have ended, as it says. */
    private volatile Set<String> replaced = Set.of();

    private int announcements;
    private @Nullable List<IpPrefix> nextRoutes;
    private List<String> nextPublish = List.of();
    private long changedNanos;
    private int nextId;

    /**
     * @param granted the routes that its token holds
     * @param published hears what it publishes
     */
    AgentRole(
            LinkSide side,
            AgentToken token,
            PrefixTable<Boolean> granted,
            Services services,
            Presence<AgentRole> presence,
            HeldRights heldRights,
            PublicationListener published) {
        this.side = side;
        this.services = services;
        this.presence = presence;
        this.granted = granted;
        this.heldRights = heldRights;
        this.publisher = new Publisher(side, token, services, published);
        this.questions = new RateLimit(QUESTIONS, QUESTIONS_PER_SECOND, services.nanos());
    }

    /** Whose the halves of its flows are. From any thread. */
    LinkSide side() {
        return side;
    }

    @Override
    public String name() {
        return side.name();
    }

    @Override
    public String holderKey() {
        return side.holderKey();
    }

    @Override
    public long number() {
        return side.holder().link();
    }

    @Override
    public @Nullable String key() {
        return side.holder().key();
    }

    @Override
    public @Nullable String instance() {
        return instance;
    }

    @Override
    public int attachment() {
        return attachment;
    }

    @Override
    public List<String> domains() {
        return domains;
    }

    @Override
    public List<IpPrefix> routes() {
        return routes;
    }

    @Override
    public boolean serves(InetAddress address) {
        return served.lookup(address) != null;
    }

    @Override
    public int flowCount() {
        return side.flowCount();
    }

    @Override
    public boolean takesFlows() {
        return !draining && !superseded && !drained;
    }

    @Override
    public FailedDials failedDials() {
        return failedDials;
    }

    @Override
    public void dialled(Destination destination, @Nullable Reason refused) {
        failedDials.dialled(destination, refused, services.nanos());
    }

    @Override
    public boolean isDrained() {
        return drained;
    }

    @Override
    public void drained(boolean now) {
        drained = now;
    }

    @Override
    public boolean isSuperseded() {
        return superseded;
    }

    @Override
    public void supersede() {
        superseded = true;
        side.close(1001, "this instance has connected again");
    }

    @Override
    public String toString() {
        return side.toString();
    }

    @Override
    public void up() {
        // It is not offered to clients before it has announced what it serves.
    }

    @Override
    public void down() {
        if (announcements > 0) {
            presence.remove(this);
            publisher.down();
        }
    }

    @Override
    public void gone() {
        // Nothing is kept of it.
    }

    @Override
    public boolean mayUsePort(FlowHalf half, int port) {
        return true; // an answer from another port of the host that was asked
    }

    @Override
    public void draining() {
        if (!draining) {
            draining = true;
            if (services.lines().takes(holderKey(), PeerLines.Kind.LINKS)) {
                log.info("{} is draining", side);
            }
            presence.changed(name());
            tellOthers();
        }
    }

    /** Tells one that is about to go how many others there are. Before it has said who it is, its own older link could be one. */
    private void tellOthers() {
        if (draining && announcements > 0 && side.carrier().version() >= 2) {
            byte[] answer = Announcement.encode(Announcement.Answer.others(presence.others(this)));
            side.writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(answer));
        }
    }

    @Override
    public void session(ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("SESSION from an agent: clients have sessions, agents answer them");
    }

    /** Only what is over is told; what was asked too often is asked again. */
    @Override
    public void held(ByteBuf payload) throws ProtocolException {
        HeldFlow flow = HeldFlow.decode(payload);
        if (questions.takes() && !heldRights.allow(name(), flow)) {
            services.counters().denied.increment();
            ByteBuf b = side.carrier().alloc().directBuffer(HeldFlow.NAME_LENGTH + 1);
            flow.over(Reason.PROHIBITED, b);
            side.writer().control(Frame.OVER, 0, 0, b);
        }
    }

    @Override
    public void sessionsEnded(ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("SESSION_ENDED from an agent: clients have sessions, agents answer them");
    }

    /** It has come: it is told of all clients' that may have used it, one after another, and other things of the loop between them. */
    private void tellEndedOf(Iterator<PresentClient> clients, List<SessionId> ended) {
        if (clients.hasNext() && ended.size() < MAX_ENDED && side.isUp()) {
            PresentClient client = clients.next();
            if (client.mayHaveUsed(name())) {
                ended.addAll(client.ended(name()));
            }
            side.hand(new Inbox.Item(null, 0, () -> tellEndedOf(clients, ended), null));
        } else {
            tellEnded(ended);
        }
    }

    /** Tells it of sessions that have ended, as it knows them: what it holds for them is of no use. On its link's loop. */
    void tellEnded(List<SessionId> sessions) {
        // One that does not read hears of it by time alone.
        if (side.carrier().version() < 2
                || sessions.isEmpty()
                || !side.isUp()
                || !side.writer().takesControl()) {
            return;
        }
        ByteBuf b = side.carrier().alloc().directBuffer(sessions.size() * SessionId.LENGTH);
        sessions.forEach(s -> s.write(b));
        side.writer().control(Frame.SESSION_ENDED, 0, 0, b);
    }

    @Override
    public boolean keepsFlows() {
        return side.carrier().version() >= 2;
    }

    @Override
    public String answerer() {
        return answerer(instance);
    }

    /** How a process of this agent and key is named. */
    private String answerer(@Nullable String process) {
        String key = key();
        return process + "/" + (key == null ? "" : key);
    }

    @Override
    public boolean replaces(String answerer) {
        return replaced.contains(answerer);
    }

    @Override
    public void announced(ByteBuf payload) throws ProtocolException {
        if (++announcements > MAX_ANNOUNCEMENTS) {
            throw new ProtocolException("more than " + MAX_ANNOUNCEMENTS + " ANNOUNCE frames on one link");
        }
        Announcement.Agent said = Announcement.decode(payload, Announcement.Agent.class);
        if (!INSTANCE.matcher(said.instance()).matches()) {
            throw new ProtocolException("ANNOUNCE whose instance is not 1 to 64 letters, digits, '.', '_' or '-'");
        }
        if (said.replaces().size() > Announcement.Agent.MAX_REPLACES) {
            throw new ProtocolException("ANNOUNCE that replaces "
                    + said.replaces().size() + " instances, most is " + Announcement.Agent.MAX_REPLACES);
        }
        if (!said.replaces().stream().allMatch(id -> INSTANCE.matcher(id).matches())) {
            throw new ProtocolException(
                    "ANNOUNCE that replaces an instance which is not 1 to 64 letters, digits, '.', '_' or '-'");
        }
        if (said.routes().size() > MAX_ROUTES) {
            throw new ProtocolException("ANNOUNCE with " + said.routes().size() + " routes, most is " + MAX_ROUTES);
        }
        if (said.publish().size() > Publication.MAX_OF_AGENT) {
            throw new ProtocolException(
                    "ANNOUNCE with " + said.publish().size() + " publications, most is " + Publication.MAX_OF_AGENT);
        }
        if (said.domains().size() > Announcement.Agent.MAX_DOMAINS) {
            throw new ProtocolException(
                    "ANNOUNCE with " + said.domains().size() + " domains, most is " + Announcement.Agent.MAX_DOMAINS);
        }
        domains = said.domains().stream()
                .filter(domain -> domain.equals(HostPattern.normalize(domain)) && domain.indexOf('.') > 0)
                .distinct()
                .toList();
        List<IpPrefix> allowed = new ArrayList<>();
        int ignored = 0;
        for (String text : said.routes()) {
            IpPrefix prefix;
            try {
                prefix = IpPrefix.parse(text);
            } catch (IllegalArgumentException e) {
                throw new ProtocolException("ANNOUNCE with a route that is none: " + e.getMessage());
            }
            if (granted.covers(prefix)) {
                allowed.add(prefix);
            } else {
                ignored++;
            }
        }
        if (ignored > 0 && services.lines().takes(holderKey(), PeerLines.Kind.ROUTES)) {
            log.warn("{} announces {} routes that its token does not hold; ignored", side, ignored);
        }
        if (announcements == 1) {
            instance = said.instance();
            attachment = said.attachment();
            replaced = said.replaces().stream().map(this::answerer).collect(Collectors.toUnmodifiableSet());
            serve(List.copyOf(allowed));
            presence.add(this);
            publisher.announced(said.publish());
            tellOthers();
            tellEndedOf(presence.clients(), new ArrayList<>());
            return;
        }
        boolean waits = nextRoutes != null;
        nextRoutes = List.copyOf(allowed);
        nextPublish = said.publish();
        if (!waits) {
            long wait = changedNanos + TimeUnit.MILLISECONDS.toNanos(CHANGE_MILLIS) - services.nanos();
            side.loop().schedule(this::change, Math.max(0, wait), TimeUnit.NANOSECONDS);
        }
    }

    private void change() {
        List<IpPrefix> next = nextRoutes;
        nextRoutes = null;
        if (next == null || !side.isUp()) {
            return;
        }
        if (!next.equals(routes)) {
            serve(next);
            presence.changed(name());
        }
        publisher.announced(nextPublish);
        changedNanos = services.nanos();
    }

    /** To be asked whether it holds an address or covers a prefix. */
    static PrefixTable<Boolean> table(List<IpPrefix> prefixes) {
        PrefixTable<Boolean> table = new PrefixTable<>();
        prefixes.forEach(p -> table.put(p, Boolean.TRUE));
        return table;
    }

    private void serve(List<IpPrefix> prefixes) {
        routes = prefixes;
        served = table(prefixes);
        changedNanos = services.nanos();
        if (services.lines().takes(holderKey(), PeerLines.Kind.ROUTES)) {
            log.info(
                    "{} serves {} (instance {})",
                    side,
                    prefixes.size() <= MAX_LOGGED
                            ? prefixes.stream().map(IpPrefix::toString).collect(Collectors.joining(", "))
                            : prefixes.size() + " networks",
                    instance);
        }
    }

    @Override
    public void opened(int flags, int flowId, ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("OPEN from an agent: agents answer flows, clients open them");
    }

    /** Takes an authorised OPEN; on this link's loop, before any other frame of the flow. */
    void open(FlowHalf half, FlowHalf openersHalf, OpenRequest request) {
        Side opener = openersHalf.owner;
        if (!side.isUp() || side.flowCount() >= ClientRole.MAX_FLOWS || !mayWait(opener)) {
            half.close();
            Reason reason = side.isUp() ? Reason.OVERLOADED : Reason.NO_AGENT;
            side.tell(opener, () -> opener.takeFailure(openersHalf, half, reason));
            return;
        }
        do {
            nextId = (nextId + 1) & 0x7fff_ffff;
        } while (nextId == 0 || side.half(nextId | Frame.SERVER_OPENED) != null);
        side.add(half, nextId | Frame.SERVER_OPENED);
        half.openWaits = true;
        // Its restriction, which may be long, is shared with other flows until the agent reads it.
        side.writer().late(() -> {
            opensWaiting.give(opener.name(), 1);
            half.openWaits = false;
            if (!half.closed) {
                ByteBuf b = side.carrier().alloc().directBuffer(128);
                request.encode(b);
                side.writer().control(Frame.OPEN, half.openFlags, half.id, b);
            }
        });
    }

    private boolean mayWait(Side opener) {
        if (!services.agentFlows().takeShare(name(), 1)) {
            return false;
        }
        if (!side.writer().takesControl() || !opensWaiting.take(opener.name(), 1)) {
            services.agentFlows().give(name(), 1);
            return false;
        }
        return true;
    }
}
