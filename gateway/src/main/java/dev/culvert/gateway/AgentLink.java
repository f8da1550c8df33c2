package dev.culvert.gateway;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An agent instance's link: takes the flows that clients were allowed to open. */
final class AgentLink extends SwitchedLink {
    private static final Logger log = LoggerFactory.getLogger(AgentLink.class);

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

    /** Prefixes that are listed when it says what it serves. */
    private static final int MAX_LOGGED = 20;

    /** It goes into logs. */
    private static final Pattern INSTANCE = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    private final PrefixTable<Boolean> granted = new PrefixTable<>();
    private final Quota<String> opensWaiting = new Quota<>(MAX_OPENS_WAITING, MAX_OPENS_WAITING_PER_CLIENT);
    private volatile List<IpPrefix> routes = List.of();
    private volatile PrefixTable<Boolean> served = new PrefixTable<>();
    private volatile boolean draining;
    private volatile boolean superseded;
    private volatile @Nullable String instance;
    private int announcements;
    private @Nullable List<IpPrefix> nextRoutes;
    private long changedNanos;
    private int nextId;

    /** How often its instance came on another link; null when never. Guarded by the registry's list of instances. */
    @Nullable
    RateLimit takeovers;

    AgentLink(LinkRegistry registry, AgentToken token, AuditRecord.Holder holder) {
        super(registry, token, holder);
        token.routes().forEach(r -> granted.put(r, Boolean.TRUE));
    }

    /** Prefixes that it announced and its token holds. From any thread. */
    List<IpPrefix> routes() {
        return routes;
    }

    /** Whether it announced a prefix that holds the address. From any thread. */
    boolean serves(InetAddress address) {
        return served.lookup(address) != null;
    }

    /** Which of the agent's processes it is; null before it has announced itself. From any thread. */
    @Nullable
    String instance() {
        return instance;
    }

    /** Whether new flows may come to it: not when it finishes its own, or has a newer link. From any thread. */
    boolean takesFlows() {
        return !draining && !superseded;
    }

    /** Whether both links are of one process, as far as can be told: of one name, one key, and what it calls itself. */
    boolean isSameInstance(AgentLink other) {
        String mine = instance;
        return mine != null
                && mine.equals(other.instance)
                && !superseded
                && !other.superseded
                && Objects.equals(holder.key(), other.holder.key());
    }

    /** Its instance has a newer link: this one is dead, most likely, and nobody has noticed yet. From any thread. */
    void supersede() {
        superseded = true;
        run(() -> link().close(1001, "this instance has connected again"));
    }

    @Override
    String kind() {
        return "agent";
    }

    @Override
    boolean accepts() {
        return true;
    }

    @Override
    boolean mayUsePort(FlowHalf half, int port) {
        return true; // an answer from another port of the host that was asked
    }

    @Override
    void up() {
        // It is not offered to clients before it has announced what it serves.
    }

    @Override
    void down(String why) {
        if (announcements > 0) {
            registry.remove(this);
        }
    }

    @Override
    void draining() {
        if (!draining) {
            draining = true;
            if (registry.lines.takes(holderKey, PeerLines.Kind.LINKS)) {
                log.info("{} is draining", this);
            }
            registry.changed(name);
        }
    }

    @Override
    void announced(ByteBuf payload) throws ProtocolException {
        if (++announcements > MAX_ANNOUNCEMENTS) {
            throw new ProtocolException("more than " + MAX_ANNOUNCEMENTS + " ANNOUNCE frames on one link");
        }
        Announcement.Agent said = Announcement.decode(payload, Announcement.Agent.class);
        if (!INSTANCE.matcher(said.instance()).matches()) {
            throw new ProtocolException("ANNOUNCE whose instance is not 1 to 64 letters, digits, '.', '_' or '-'");
        }
        if (said.routes().size() > MAX_ROUTES) {
            throw new ProtocolException("ANNOUNCE with " + said.routes().size() + " routes, most is " + MAX_ROUTES);
        }
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
        if (ignored > 0 && registry.lines.takes(holderKey, PeerLines.Kind.ROUTES)) {
            log.warn("{} announces {} routes that its token does not hold; ignored", this, ignored);
        }
        if (announcements == 1) {
            instance = said.instance();
            serve(List.copyOf(allowed));
            registry.add(this);
            return;
        }
        boolean waits = nextRoutes != null;
        nextRoutes = List.copyOf(allowed);
        if (!waits) {
            long wait = changedNanos + TimeUnit.MILLISECONDS.toNanos(CHANGE_MILLIS) - System.nanoTime();
            loop().schedule(this::change, Math.max(0, wait), TimeUnit.NANOSECONDS);
        }
    }

    private void change() {
        List<IpPrefix> next = nextRoutes;
        nextRoutes = null;
        if (next != null && isUp() && !next.equals(routes)) {
            serve(next);
            registry.changed(name);
        }
    }

    private void serve(List<IpPrefix> prefixes) {
        PrefixTable<Boolean> table = new PrefixTable<>();
        prefixes.forEach(p -> table.put(p, Boolean.TRUE));
        routes = prefixes;
        served = table;
        changedNanos = System.nanoTime();
        if (registry.lines.takes(holderKey, PeerLines.Kind.ROUTES)) {
            log.info(
                    "{} serves {} (instance {})",
                    this,
                    prefixes.size() <= MAX_LOGGED
                            ? prefixes.stream().map(IpPrefix::toString).collect(Collectors.joining(", "))
                            : prefixes.size() + " networks",
                    instance);
        }
    }

    @Override
    void opened(int flags, int flowId, ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("OPEN from an agent: agents answer flows, clients open them");
    }

    /** Takes an authorised OPEN; on this link's loop, before any other frame of the flow. */
    void open(FlowHalf half, FlowHalf clientHalf, OpenRequest request) {
        ClientLink client = (ClientLink) clientHalf.owner;
        if (!isUp() || flowCount >= ClientLink.MAX_FLOWS || !mayWait(client)) {
            half.close();
            Reason reason = isUp() ? Reason.OVERLOADED : Reason.NO_AGENT;
            tell(client, () -> client.agentCannot(clientHalf, half, reason));
            return;
        }
        do {
            nextId = (nextId + 1) & 0x7fff_ffff;
        } while (nextId == 0 || has(nextId | Frame.SERVER_OPENED));
        add(half, nextId | Frame.SERVER_OPENED);
        half.openWaits = true;
        // Its restriction, which may be long, is shared with other flows until the agent reads it.
        writer().late(() -> {
            opensWaiting.give(client.name, 1);
            half.openWaits = false;
            if (!half.closed) {
                ByteBuf b = link().channel().alloc().directBuffer(128);
                request.encode(b);
                writer().control(Frame.OPEN, half.openFlags, half.id, b);
            }
        });
    }

    private boolean mayWait(ClientLink client) {
        if (!registry.agentFlows.takeShare(name, 1)) {
            return false;
        }
        if (!writer().takesControl() || !opensWaiting.take(client.name, 1)) {
            registry.agentFlows.give(name, 1);
            return false;
        }
        return true;
    }

    @Override
    void forgotten(FlowHalf half) {
        registry.agentFlows.give(name, 1);
    }
}
