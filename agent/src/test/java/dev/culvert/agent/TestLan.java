package dev.culvert.agent;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.Gateway;
import dev.culvert.gateway.GatewaySettings;
import dev.culvert.policy.publication.Publication;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.PublishRight;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** Gateway, agent and a client's link, all real, on loopback of the namespace of the thread that makes it. */
@NullUnmarked
final class TestLan implements AutoCloseable {
    /** Seconds; of a busy machine too, so a test that waits so long has failed. */
    static final int PATIENCE = 60;

    private final StateDirectory state;
    private final Gateway gateway;
    final Agent agent;
    private boolean stopped;
    private final EventLoopGroup loops = EventLoops.create(1, "client");
    private final EventLoop loop = loops.next();
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final FlowMultiplexer mux = new FlowMultiplexer(new FlowListener() {
        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload) throws ProtocolException {
            if (Announcement.decode(payload, Announcement.Reachable.class).agents().stream()
                    .anyMatch(a -> a.instances() > 0)) {
                ready.complete(null);
            }
        }
    });

    TestLan(Path dir, List<String> routes, String... grants) throws Exception {
        this(dir, InetAddress::getAllByName, routes, grants);
    }

    /** @param lookup what the agent takes for the system's resolver */
    TestLan(Path dir, NameResolver.Lookup lookup, List<String> routes, String... grants) throws Exception {
        state = StateDirectory.openOrCreate(dir);
        List<URI> name = List.of(URI.create("wss://gateway.test"));
        state.setGatewayUrls(name);
        gateway = new Gateway(GatewaySettings.of(state, new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0))
                .names(Set.of("127.0.0.1")));
        URI uri = URI.create("wss://127.0.0.1:" + gateway.address().getPort());
        Instant now = Instant.now();
        byte[] pin = Base64.getUrlDecoder().decode(state.caPin());
        AgentToken agentToken = new AgentToken(
                TokenTerms.of("office", List.of(uri), state.caPin(), now, now.plusSeconds(600))
                        .withAudience(name),
                routes.stream().map(IpPrefix::parse).toList(),
                List.of(PublishRight.parse("*.office.example")));
        agent = new Agent(
                agentToken,
                Instance.unnoted(),
                List.of(new LinkConnector(uri, pin, state.signer().sign(agentToken))),
                LinkSettings.DEFAULT,
                lookup,
                NameServers.RESOLV_CONF);
        agent.start();
        String client = state.signer()
                .sign(ClientToken.of(
                        TokenTerms.of("laptop", List.of(uri), state.caPin(), now, now.plusSeconds(600))
                                .withAudience(name),
                        Arrays.stream(grants).map(Grant::parse).toList()));
        new LinkConnector(uri, pin, client)
                .connect(loop, LinkSettings.DEFAULT, mux)
                .get(PATIENCE, TimeUnit.SECONDS);
        ready.get(PATIENCE, TimeUnit.SECONDS);
    }

    TestFlow open(int protocol, String host, int port) throws Exception {
        return open(protocol, host, port, 4000);
    }

    TestFlow open(int protocol, String host, int port, int sourcePort) throws Exception {
        Destination d = Character.isLetter(host.charAt(0))
                ? Destination.ofName(protocol, host, port)
                : Destination.of(protocol, InetAddress.getByName(host), port);
        TestFlow flow = new TestFlow();
        OpenRequest request =
                new OpenRequest(d, "office", null, new InetSocketAddress("10.9.9.9", sourcePort), 0, 0, null);
        loop.submit(() -> flow.start(mux.open(request, flow))).get(PATIENCE, TimeUnit.SECONDS);
        return flow;
    }

    /** Has the agent publish these, and nothing else. */
    void publish(String... publications) {
        agent.publish(Arrays.stream(publications).map(Publication::parse).toList());
    }

    /** What the gateway publishes, as texts. */
    List<String> published() {
        return gateway.publications().table().all().stream()
                .map(p -> p.agent() + " " + p.publication())
                .toList();
    }

    /** As a signal does. */
    void stopAgent() throws Exception {
        agent.drain().get(PATIENCE, TimeUnit.SECONDS);
        agent.close();
        stopped = true;
    }

    @Override
    public void close() {
        if (!stopped) {
            agent.close();
        }
        gateway.close();
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
    }
}
