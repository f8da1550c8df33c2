package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.door.Door;
import dev.culvert.gateway.door.Visitors;
import dev.culvert.gateway.limit.Counters;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.gateway.publish.OwnSessions;
import dev.culvert.gateway.publish.Publications;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.publish.PublishedInstance;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.PublishRight;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.state.SharedStore;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/**
 * A gateway on loopback with keys of its own, and peers that connect to it as clients and agents do. Bulk
 * goes over TLS: without it each byte is masked, and paranoid leak detection makes that hundreds of times slower.
 */
@NullUnmarked
public final class TestNetwork implements AutoCloseable {
    /** Seconds; of a busy machine too, so a test that waits so long has failed. */
    public static final int PATIENCE = 60;

    static {
        Awaitility.setDefaultTimeout(PATIENCE, TimeUnit.SECONDS);
    }

    /** Peers of tests may not read for a while, and whole machines stand still; only what a test does is to end a link. */
    private static final LinkSettings PATIENT =
            new LinkSettings(Duration.ofSeconds(3), Duration.ofSeconds(2 * PATIENCE));

    private static final TypeReference<Map<String, Object>> FIELDS = new TypeReference<>() {};
    /** What the gateway calls itself, wherever it listens. */
    public static final URI NAME = URI.create("wss://gateway.test");

    /** Whom its certificate is for. */
    public static final Set<String> OWN_NAMES = Set.of("localhost", "127.0.0.1", "gateway.own.test");

    public final StateDirectory state;
    public final Gateway gateway;
    public final EventLoopGroup loops = EventLoops.create(2, "peers");
    private final AtomicInteger instances = new AtomicInteger();
    private final boolean tls;

    /** What the audit log says; all of it once the gateway is closed. */
    private final ByteArrayOutputStream audit = new ByteArrayOutputStream();

    public TestNetwork(Path dir, boolean tls, int threads) throws Exception {
        this(dir, tls, threads, PublishingSettings.NONE);
    }

    public TestNetwork(Path dir, boolean tls, int threads, PublishingSettings publishing) throws Exception {
        this(dir, tls, threads, publishing, SharedStore.SAME, null);
    }

    /** One of several gateways on a store. */
    public TestNetwork(Path dir, SharedStore shared, URI own) throws Exception {
        this(dir, true, 1, PublishingSettings.NONE, shared, own);
    }

    private TestNetwork(Path dir, boolean tls, int threads, PublishingSettings publishing, SharedStore shared, URI own)
            throws Exception {
        this.tls = tls;
        state = StateDirectory.openOrCreate(dir, Clock.systemUTC(), null, shared);
        state.setGatewayUrls(List.of(NAME));
        gateway = new Gateway(GatewaySettings.of(state, new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0))
                .secure(tls)
                .names(OWN_NAMES)
                .threads(threads)
                .url(own)
                .publishing(publishing)
                .link(PATIENT)
                .audit(AuditLog.to(audit)));
    }

    public Services services() {
        return gateway.services();
    }

    public Links links() {
        return gateway.links();
    }

    public Presence<?> presence() {
        return gateway.fabric().presence();
    }

    public PolicyInForce policyInForce() {
        return gateway.policyInForce();
    }

    public Counters counters() {
        return gateway.services().counters();
    }

    public Publications publications() {
        return gateway.publications();
    }

    public PublishedFlows published() {
        return gateway.published();
    }

    /** The gateway's own ends once more, as in a process of their own. */
    public PublishedFlows published(OwnSessions sessions) {
        return new PublishedFlows(
                gateway.fabric(), gateway.links(), gateway.loops(), gateway.policyInForce(), sessions);
    }

    public Visitors visitors() {
        return gateway.visitors();
    }

    /** The instances behind what is published, and how the target is through each. */
    public List<PublishedInstance> shown(Published published) {
        return gateway.instances().shown(published);
    }

    /** One of the gateway's. */
    public EventLoop gatewayLoop() {
        return gateway.loops().next();
    }

    public Door door() {
        return gateway.door();
    }

    public URI uri() {
        return URI.create(
                (tls ? "wss" : "ws") + "://127.0.0.1:" + gateway.address().getPort());
    }

    private TokenTerms terms(String name, Instant made, Instant expires) throws Exception {
        return TokenTerms.of(name, List.of(uri()), state.caPin(), made, expires).withAudience(List.of(NAME));
    }

    public String clientToken(String name, Instant expires, String... grants) throws Exception {
        List<Grant> list = Arrays.stream(grants).map(Grant::parse).toList();
        Instant made = Instant.now().minusSeconds(120);
        return state.signer().sign(ClientToken.of(terms(name, made, expires), list));
    }

    public String agentToken(String name, String... routes) throws Exception {
        List<IpPrefix> list = Arrays.stream(routes).map(IpPrefix::parse).toList();
        Instant now = Instant.now();
        return state.signer().sign(AgentToken.of(terms(name, now, now.plusSeconds(3600)), list));
    }

    public LinkConnector connector(String jwt) throws Exception {
        return connector(jwt, null);
    }

    public LinkConnector connector(String jwt, KeyPair key) throws Exception {
        return new LinkConnector(uri(), Base64.getUrlDecoder().decode(state.caPin()), jwt, key);
    }

    /** A client's token that is bound in some way. */
    public String boundToken(String name, TokenBinding binding) throws Exception {
        Instant now = Instant.now();
        return state.signer()
                .sign(ClientToken.of(
                        terms(name, now, now.plusSeconds(3600)).withBinding(binding),
                        List.of(Grant.parse("*:10.0.0.0/8"))));
    }

    /** The audit log's lines about some event, each of which must be a JSON object. */
    public List<Map<String, Object>> audited(String event) throws Exception {
        List<Map<String, Object>> found = new ArrayList<>();
        for (String line : audit.toString(StandardCharsets.UTF_8).split("(?<=\n)")) {
            if (line.endsWith("\n")) {
                Map<String, Object> fields = JsonMapper.shared().readValue(line, FIELDS);
                assertThat(fields).containsKeys("time", "event");
                Instant.parse((String) fields.get("time"));
                if (fields.get("event").equals(event)) {
                    found.add(fields);
                }
            }
        }
        return found;
    }

    public Peer connect(String jwt, Consumer<IncomingFlow> onOpen) throws Exception {
        return connect(jwt, null, onOpen);
    }

    public Peer connect(String jwt, KeyPair key, Consumer<IncomingFlow> onOpen) throws Exception {
        return connect(connector(jwt, key), new Peer(loops.next(), null, onOpen));
    }

    private static Peer connect(LinkConnector connector, Peer peer) throws Exception {
        connector.connect(peer.loop, PATIENT, peer.mux).get(PATIENCE, TimeUnit.SECONDS);
        return peer;
    }

    /** A client that has heard of {@code agents} agents. */
    public Peer client(String name, int agents, String... grants) throws Exception {
        Peer peer = connect(clientToken(name, Instant.now().plusSeconds(3600), grants), f -> {});
        while (true) {
            Announcement.Reachable said = peer.announcements.poll(PATIENCE, TimeUnit.SECONDS);
            if (said == null) {
                throw new AssertionError("no ANNOUNCE of " + agents + " agents");
            }
            if (said.agents().stream().filter(a -> a.instances() > 0).count() >= agents) {
                return peer;
            }
        }
    }

    /** The first is instance i1, and so on. */
    public Peer agent(String name, Consumer<IncomingFlow> onOpen, String... routes) throws Exception {
        return agentInstance("i" + instances.incrementAndGet(), name, onOpen, routes);
    }

    public Peer agentInstance(String instance, String name, Consumer<IncomingFlow> onOpen, String... routes)
            throws Exception {
        return agent(agentToken(name, routes), onOpen, new Announcement.Agent(instance, null, List.of(routes), true));
    }

    /** An agent that publishes services, and whose token holds these rights to. */
    public Peer publishingAgent(
            String name, Consumer<IncomingFlow> onOpen, List<String> routes, List<String> rights, List<String> publish)
            throws Exception {
        Instant now = Instant.now();
        String token = state.signer()
                .sign(new AgentToken(
                        terms(name, now, now.plusSeconds(3600)),
                        routes.stream().map(IpPrefix::parse).toList(),
                        rights.stream().map(PublishRight::parse).toList()));
        return agent(
                token,
                onOpen,
                new Announcement.Agent("i" + instances.incrementAndGet(), null, routes, true, List.of(), publish));
    }

    private Peer agent(String token, Consumer<IncomingFlow> onOpen, Announcement.Agent announcement) throws Exception {
        int before = presence().agentCount();
        EventLoop loop = loops.next();
        AnsweredFlows flows = new AnsweredFlows(loop, 1_000, (flow, asked) -> true);
        Peer peer = connect(connector(token), new Peer(loop, flows, onOpen));
        peer.call(() -> {
            peer.mux.announce(announcement);
            return null;
        });
        Awaitility.await().until(() -> presence().agentCount() > before);
        return peer;
    }

    /** An agent whose frames the test writes itself, announced and known to the gateway. */
    public Raw rawAgent(String name, String route) throws Exception {
        int before = agentsAtGateway();
        Raw raw = raw(agentToken(name, route));
        String json = "{\"instance\":\"x" + instances.incrementAndGet() + "\",\"routes\":[\"" + route + "\"]}";
        raw.send(Frame.ANNOUNCE, 0, 0, Unpooled.copiedBuffer(json, StandardCharsets.UTF_8));
        Awaitility.await().until(() -> agentsAtGateway() > before);
        return raw;
    }

    /** A peer whose frames the test writes itself. */
    public Raw raw(String jwt) throws Exception {
        Raw raw = new Raw();
        connector(jwt).connect(loops.next(), PATIENT, raw).get(PATIENCE, TimeUnit.SECONDS);
        return raw;
    }

    public static OpenRequest open(Destination destination, String agent) {
        return new OpenRequest(destination, agent, null, new InetSocketAddress("10.9.9.9", 4000), 65_536, 0, null);
    }

    /** Writes a file as careful editors do: no reader ever sees half of it. */
    public static void replace(Path file, String text) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.writeString(fresh, text);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    public static Destination tcp(String address, int port) throws Exception {
        return Destination.of(Destination.TCP, InetAddress.getByName(address), port);
    }

    public static Destination udp(String address, int port) throws Exception {
        return Destination.of(Destination.UDP, InetAddress.getByName(address), port);
    }

    public int agentsAtGateway() {
        return presence().agentCount();
    }

    public int flowsAtGateway() {
        return links().all().stream().mapToInt(PresentLink::flowCount).sum();
    }

    @Override
    public void close() {
        gateway.close();
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
    }

    /** One link with a multiplexer on it. */
    public static final class Peer implements FlowListener {
        public final EventLoop loop;
        public final FlowMultiplexer mux;
        public final CompletableFuture<String> down = new CompletableFuture<>();
        public final CompletableFuture<Drain> drained = new CompletableFuture<>();
        public final BlockingQueue<Announcement.Reachable> announcements = new LinkedBlockingQueue<>();
        public final BlockingQueue<OpenRequest> opens = new LinkedBlockingQueue<>();
        private final Consumer<IncomingFlow> onOpen;

        /** @param session of an agent whose flows outlive the link; null when they end with it */
        Peer(EventLoop loop, FlowSession session, Consumer<IncomingFlow> onOpen) {
            this.loop = loop;
            this.mux = session == null ? new FlowMultiplexer(this) : new FlowMultiplexer(this, session);
            this.onOpen = onOpen;
        }

        public <T> T call(Callable<T> body) throws Exception {
            return loop.submit(body).get(PATIENCE, TimeUnit.SECONDS);
        }

        /** Opens a flow and gives what comes back. */
        public TestFlow open(OpenRequest request) throws Exception {
            TestFlow flow = new TestFlow();
            call(() -> flow.start(mux.open(request, flow)));
            return flow;
        }

        public int flows() throws Exception {
            return call(mux::flowCount);
        }

        public void close() throws Exception {
            call(() -> {
                mux.link().close(1000, "done");
                return null;
            });
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            opens.add(flow.request());
            onOpen.accept(flow);
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload)
                throws dev.culvert.tunnel.frame.ProtocolException {
            announcements.add(Announcement.decode(payload, Announcement.Reachable.class));
        }

        @Override
        public void onDrain(FlowMultiplexer link, Drain drain) {
            drained.complete(drain);
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            down.complete(why);
        }
    }

    /** What came over a raw link. */
    public record Received(int type, int flags, int flowId, byte[] payload) {}

    public static final class Raw implements FrameReceiver {
        public final CompletableFuture<Link> up = new CompletableFuture<>();
        public final CompletableFuture<String> down = new CompletableFuture<>();
        public final BlockingQueue<Received> frames = new LinkedBlockingQueue<>();

        public void send(int type, int flags, int id, ByteBuf payload) throws Exception {
            Link link = up.get(PATIENCE, TimeUnit.SECONDS);
            link.eventLoop().execute(() -> link.writer().control(type, flags, id, payload));
        }

        public Received next(int type) throws Exception {
            while (true) {
                Received r = frames.poll(PATIENCE, TimeUnit.SECONDS);
                if (r == null) {
                    throw new AssertionError("no frame of type " + type + "; down: " + down.getNow("no"));
                }
                if (r.type == type) {
                    return r;
                }
            }
        }

        @Override
        public void linkUp(Link link) {
            up.complete(link);
        }

        @Override
        public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) {
            byte[] b = new byte[payload.readableBytes()];
            payload.readBytes(b);
            payload.release();
            frames.add(new Received(type, flags, flowId, b));
        }

        @Override
        public void batchComplete(Link link) {}

        @Override
        public void linkDown(Link link, String why) {
            down.complete(why);
        }
    }
}
