package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.Http2Rules;
import dev.culvert.gateway.web.RawVisitor;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLSocket;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rules of HTTP/2 at a published name as visitors find it: a socket, TLS, a target behind an agent. */
@NullUnmarked
final class PublishedHttp2Test {
    /** Whom none of it harms; one at each name. */
    private static final Map<String, Visitor> others = new HashMap<>();

    private static final AtomicInteger visitors = new AtomicInteger();

    @TempDir
    static Path dir;

    private static StrictNetwork net;

    @BeforeAll
    static void start() throws Exception {
        net = new StrictNetwork(dir);
    }

    @AfterAll
    static void stop() throws Exception {
        for (Visitor other : others.values()) {
            other.close();
        }
        net.close();
    }

    static List<Http2Rules.Rule> rules() {
        return Http2Rules.all();
    }

    /** Those of what is passed on: the others are the same whatever the target speaks. */
    static List<Http2Rules.Rule> rulesOfMessages() {
        return rules().stream()
                .filter(r -> r.section().startsWith("8.") || r.section().startsWith("RFC 8441"))
                .toList();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void isKept(Http2Rules.Rule rule) throws Exception {
        isKept(rule, StrictNetwork.PLAIN);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rulesOfMessages")
    void isKeptBeforeATargetInHttp2(Http2Rules.Rule rule) throws Exception {
        isKept(rule, StrictNetwork.H2C);
    }

    private static void isKept(Http2Rules.Rule rule, String name) throws Exception {
        try (Visitor visitor = new Visitor(name)) {
            rule.run().accept(visitor);
        }
        Visitor other = others.get(name);
        if (other == null) {
            other = new Visitor(name);
            other.begin();
            others.put(name, other);
        }
        other.goesOn();
        net.isReadByTheLetter();
    }

    /** Its port, which nobody looks at, tells its requests from others'. */
    private static final class Visitor extends RawVisitor implements AutoCloseable {
        private final SSLSocket socket;
        private boolean ended;

        Visitor(String at) throws Exception {
            super(at + ":" + visitors.incrementAndGet());
            socket = net.connect(at, "h2");
        }

        @Override
        protected void write(byte[] bytes) {
            try {
                socket.getOutputStream().write(bytes);
            } catch (IOException e) {
                // closed: what comes of it is looked at
            }
        }

        @Override
        protected byte @Nullable [] read() {
            byte[] some = new byte[16 << 10];
            try {
                int n = socket.getInputStream().read(some);
                if (n > 0) {
                    return Arrays.copyOf(some, n);
                }
            } catch (SocketTimeoutException e) {
                throw new AssertionError("nothing comes", e);
            } catch (IOException e) {
                // reset
            }
            ended = true;
            return null;
        }

        @Override
        protected boolean isClosed() {
            return ended;
        }

        @Override
        public int asked() {
            return (int) net.asked().stream()
                    .filter(r -> r.values("host").contains(name()))
                    .count();
        }

        @Override
        public void hasAsked(int n) {
            Awaitility.await().until(() -> asked() >= n);
            assertThat(asked()).isEqualTo(n);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}
