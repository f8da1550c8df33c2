package dev.culvert.store.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.StateException;
import dev.culvert.store.cluster.Engine;
import dev.culvert.store.cluster.Engine.Hold;
import dev.culvert.store.cluster.StoreAddress;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What calls itself a Redis, and answers scripts as none does: an error of the store, not of the program. */
@NullUnmarked
final class StrangeAnswersTest {
    private static final Hold NAME = new Hold("culvert/name/x", "word");

    private ServerSocket server;
    private Engine engine;
    private volatile String answer;

    @BeforeEach
    void begin() throws Exception {
        server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        Thread accepts = new Thread(this::accept, "strange-redis");
        accepts.setDaemon(true);
        accepts.start();
        engine = new Redis(StoreAddress.parse("redis://127.0.0.1:" + server.getLocalPort() + "/0"));
    }

    @AfterEach
    void end() throws Exception {
        engine.close();
        server.close();
    }

    private void accept() {
        try {
            while (true) {
                Socket one = server.accept();
                Thread serves = new Thread(() -> serve(one), "strange-redis-connection");
                serves.setDaemon(true);
                serves.start();
            }
        } catch (IOException e) {
            // the test has ended
        }
    }

    private void serve(Socket connection) {
        try (connection) {
            InputStream in = new BufferedInputStream(connection.getInputStream());
            while (true) {
                int words = number(in);
                List<String> command = new ArrayList<>();
                for (int i = 0; i < words; i++) {
                    byte[] word = in.readNBytes(number(in));
                    in.skipNBytes(2);
                    command.add(new String(word, StandardCharsets.ISO_8859_1));
                }
                String says = command.get(0).equals("EVAL") ? answer : "+OK\r\n";
                connection.getOutputStream().write(says.getBytes(StandardCharsets.ISO_8859_1));
            }
        } catch (IOException | NumberFormatException e) {
            // it has gone
        }
    }

    /** Of a line as {@code *3} or {@code $5}. */
    private static int number(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new IOException("end");
            }
            line.append((char) c);
        }
        return Integer.parseInt(line.substring(1).strip());
    }

    @ParameterizedTest
    @ValueSource(strings = {"$-1\r\n", "$5\r\nbogus\r\n", "*0\r\n", "+OK\r\n", "*1\r\n*1\r\n:7\r\n"})
    void whatIsNoAnswerIsAnErrorOfTheStore(String strange) {
        answer = strange;
        assertThatThrownBy(() -> engine.write(
                        "culvert/document/x",
                        new byte[0],
                        new byte[9],
                        "culvert/turn",
                        null,
                        List.of(),
                        "culvert/changes"))
                .isInstanceOf(StateException.class)
                .satisfies(e -> assertThat(((StateException) e).isAway()).isTrue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"$-1\r\n", "*0\r\n"})
    void ofANameLikewise(String strange) {
        answer = strange;
        assertThatThrownBy(() -> engine.keep(NAME, Duration.ofSeconds(1))).isInstanceOf(StateException.class);
    }
}
