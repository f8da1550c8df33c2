package dev.culvert.gateway.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A web site behind two instances of an agent, over a real gateway: who serves which browser. */
@NullUnmarked
final class PublishedAffinityTest {
    private static final Pattern COOKIE = Pattern.compile("(?i)set-cookie: (culvert-instance=[^;]+); Path=/; ");

    /** A web server that says who it is, or hangs up. */
    private static final class Target {
        final String name;
        final AtomicInteger asked = new AtomicInteger();
        volatile boolean hangsUp;

        Target(String name) {
            this.name = name;
        }

        void serve(IncomingFlow flow) {
            flow.accept(
                    new ChannelInboundHandlerAdapter() {
                        @Override
                        public void channelRead(ChannelHandlerContext ctx, Object msg) {
                            ReferenceCountUtil.release(msg); // one request, in one piece or with its end in the last
                            asked.incrementAndGet();
                            if (hangsUp) {
                                ctx.close();
                                return;
                            }
                            ctx.writeAndFlush(Unpooled.copiedBuffer(
                                    "HTTP/1.1 200 OK\r\nContent-Length: " + name.length() + "\r\n\r\n" + name,
                                    StandardCharsets.US_ASCII));
                        }
                    },
                    false);
        }
    }

    @TempDir
    Path dir;

    private final Target one = new Target("one");
    private final Target two = new Target("two");
    private TestNetwork net;
    private Peer first;
    private Peer second;

    @BeforeEach
    void start() throws Exception {
        Path pem = dir.resolve("app.pem");
        ServerCertificate app =
                StateDirectory.openOrCreate(dir.resolve("authority")).serverCertificate(List.of("app.test"));
        Files.writeString(pem, Certificate.of(List.of(app.chain()), app.key()).pem());
        net = new TestNetwork(
                dir.resolve("state"),
                true,
                2,
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null));
    }

    @AfterEach
    void stop() {
        net.close();
    }

    private void publish(String options) throws Exception {
        List<String> said = List.of("app.test=http://10.0.0.9:8080" + options);
        first = net.publishingAgent("office", one::serve, List.of("10.0.0.0/24"), List.of("*.test"), said);
        second = net.publishingAgent("office", two::serve, List.of("10.0.0.0/24"), List.of("*.test"), said);
        await().until(() -> net.publications().table().all().size() == 1);
    }

    /** On a connection of its own. */
    private String ask(String method, String cookie) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (SSLSocket socket = (SSLSocket)
                context.getSocketFactory().createSocket("127.0.0.1", net.uri().getPort())) {
            socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setServerNames(List.of(new SNIHostName("app.test")));
            socket.setSSLParameters(parameters);
            socket.getOutputStream()
                    .write((method + " / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n"
                                    + (cookie.isEmpty() ? "" : "Cookie: " + cookie + "\r\n") + "\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        }
    }

    private static String cookie(String answer) {
        Matcher set = COOKIE.matcher(answer);
        return set.find() ? set.group(1) : "";
    }

    @Test
    void aBrowserIsServedByTheSameUntilThatIsGone() throws Exception {
        publish(",affinity");
        String answer = ask("GET", "");
        boolean byOne = answer.endsWith("one");
        String cookie = cookie(answer);
        assertThat(cookie).matches("culvert-instance=[A-Za-z0-9_-]{22}");
        for (int i = 0; i < 10; i++) {
            String again = ask(i % 2 == 0 ? "GET" : "POST", cookie);
            assertThat(again).startsWith("HTTP/1.1 200 ").endsWith(byOne ? "one" : "two");
            assertThat(cookie(again)).isEmpty();
        }
        (byOne ? first : second).close();
        await().until(() -> net.agentsAtGateway() == 1);
        String other = ask("GET", cookie);
        assertThat(other).endsWith(byOne ? "two" : "one");
        assertThat(cookie(other)).isNotEmpty().isNotEqualTo(cookie);
        assertThat(ask("GET", cookie(other))).endsWith(byOne ? "two" : "one").doesNotContainIgnoringCase("set-cookie");
    }

    /** Both are there, and nobody looks at them: one closes each connection without an answer. */
    @Test
    void whatIsNotAnsweredByOneIsByTheOther() throws Exception {
        publish("");
        one.hangsUp = true;
        for (int i = 0; i < 40; i++) {
            assertThat(ask("GET", "")).startsWith("HTTP/1.1 200 ").endsWith("two");
        }
        assertThat(one.asked.get()).as("asked, and passed over before long").isLessThan(20);
    }
}
