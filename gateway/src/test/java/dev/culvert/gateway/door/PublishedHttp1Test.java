package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.Http1Attacks;
import dev.culvert.gateway.web.Http1Attacks.Attack;
import dev.culvert.gateway.web.StrictAnswers;
import dev.culvert.gateway.web.StrictAnswers.Answer;
import dev.culvert.gateway.web.StrictRequests.Request;
import java.io.IOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What attacks in HTTP/1.1 on a published name come to as visitors find it: a socket, TLS, a target behind an agent that speaks HTTP/1.1 or
 * HTTP/2. Another visitor, whose requests go over the same connections to it, is answered what it has asked.
 */
@NullUnmarked
final class PublishedHttp1Test {
    private static final Map<String, Visitor> others = new HashMap<>();
    private static int asked;

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

    static List<Attack> attacks() {
        return Http1Attacks.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("attacks")
    void comesToWhatItShould(Attack attack) throws Exception {
        comesToWhatItShould(attack, StrictNetwork.PLAIN);
        if (attack.passes()) { // else a target hears of nothing, or of half a request, in either protocol
            comesToWhatItShould(attack, StrictNetwork.H2C);
        }
    }

    private static void comesToWhatItShould(Attack attack, String name) throws Exception {
        int before = net.asked().size();
        List<Answer> answers;
        try (Visitor visitor = new Visitor(name)) {
            visitor.say(attack.sent().replace(Http1Attacks.NAME, name));
            visitor.hear(attack.passes() ? 2 : 1);
            if (!attack.passes()) {
                visitor.say("GET /hidden HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
            }
            visitor.end();
            answers = visitor.answers.whole();
        }
        String path = "/other/" + ++asked;
        other(name).asks(path);
        List<Request> heard =
                List.copyOf(net.asked()).subList(before, net.asked().size());
        assertThat(heard).last().extracting(Request::path).isEqualTo(path);
        attack.check(answers, heard.subList(0, heard.size() - 1));
        net.isReadByTheLetter();
    }

    /** Who comes back for as long as its connection takes requests. */
    private static Visitor other(String name) throws Exception {
        Visitor known = others.get(name);
        if (known == null || known.answers.whole().size() > 900) {
            known = new Visitor(name);
            others.put(name, known);
        }
        return known;
    }

    private static final class Visitor implements AutoCloseable {
        private final String name;
        private final SSLSocket socket;
        private final StrictAnswers answers = new StrictAnswers();

        Visitor(String name) throws Exception {
            this.name = name;
            socket = net.connect(name, "http/1.1");
        }

        void asks(String path) throws IOException {
            int before = answers.whole().size();
            say("GET " + path + " HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
            hear(before + 1);
            Answer its = answers.whole().get(before);
            assertThat(its.status()).isEqualTo(200);
            assertThat(its.values("x-answers")).containsExactly(path);
        }

        void say(String text) throws IOException {
            try {
                socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
            } catch (SSLException | SocketException e) {
                // closed: what was answered is looked at
            }
        }

        /** Until so many answers have come. */
        void hear(int n) throws IOException {
            while (answers.whole().size() < n) {
                assertThat(hear()).as("not the end behind %s", answers.whole()).isTrue();
            }
        }

        private boolean hear() throws IOException {
            byte[] some = new byte[16 << 10];
            int n = socket.getInputStream().read(some);
            if (n > 0) {
                answers.read(Arrays.copyOf(some, n));
            }
            return n > 0;
        }

        /** Says nothing more, and hears all that there is. */
        void end() throws IOException {
            try {
                socket.shutdownOutput();
                while (hear()) {
                    // looked at behind this
                }
            } catch (SSLException | SocketException e) {
                // cut off, as may be who says more than is read
            }
            assertThat(answers.pending()).isEmpty();
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}
