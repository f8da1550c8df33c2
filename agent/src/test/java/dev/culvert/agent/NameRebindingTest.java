package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A name server in an attacker's hands, against a real gateway and agent: whatever it answers, and however its answers
 * change, no address is dialled that is not granted.
 */
@NullUnmarked
final class NameRebindingTest {
    private static final int TCP = Destination.TCP;

    @TempDir
    Path dir;

    /** By name, the answers one after another; the last is given from then on. */
    private final Map<String, Deque<String>> answers = new ConcurrentHashMap<>();

    private final Map<String, Integer> asked = new ConcurrentHashMap<>();

    private void answers(String name, String... addresses) {
        answers.put(name, new ArrayDeque<>(List.of(addresses)));
    }

    private InetAddress[] lookup(String name) throws UnknownHostException {
        asked.merge(name, 1, Integer::sum);
        Deque<String> queue = answers.get(name);
        if (queue == null) {
            throw new UnknownHostException(name);
        }
        String answer = queue.size() > 1 ? queue.poll() : queue.peek();
        return Arrays.stream(answer.split(" "))
                .map(a -> {
                    try {
                        return InetAddress.getByName(a);
                    } catch (UnknownHostException e) {
                        throw new IllegalArgumentException(e);
                    }
                })
                .toArray(InetAddress[]::new);
    }

    private static final List<String> EVERYTHING = List.of("0.0.0.0/0", "::/0", "127.0.0.0/30");

    @Test
    void aGrantedNameDoesNotOpenGuardedAddresses() throws Exception {
        try (TestLan lan = new TestLan(dir, this::lookup, List.of("0.0.0.0/0", "::/0"), "office:*.evil.example")) {
            for (String guarded : List.of(
                    "127.0.0.1",
                    "169.254.169.254",
                    "::1",
                    "fe80::1",
                    "224.0.0.1",
                    "0.0.0.0",
                    "::ffff:127.0.0.1",
                    "64:ff9b::7f00:1",
                    "100.100.100.200")) {
                String name = "x" + guarded.replaceAll("[.:]", "-") + "x.evil.example";
                answers(name, guarded);
                assertThat(lan.open(TCP, name, 80).refused()).as(guarded).isEqualTo(Reason.PROHIBITED);
                assertThat(asked).containsKey(name);
            }
        }
    }

    @Test
    void aNameThatIsNotGrantedOpensGrantedAddressesOnly() throws Exception {
        try (TestLan lan = new TestLan(dir, this::lookup, EVERYTHING, "office:127.0.0.1/32", "office:0.0.0.0/0:9/tcp");
                ServerSocket server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            answers("good.example", "127.0.0.1");
            answers("near.example", "127.0.0.2");
            answers("mixed.example", "127.0.0.2 169.254.169.254 127.0.0.1");
            int port = server.getLocalPort();
            assertThat(lan.open(TCP, "near.example", port).refused()).isEqualTo(Reason.NAME_NOT_FOUND);
            assertThat(lan.open(TCP, "good.example", port).refused()).isNull();
            assertThat(lan.open(TCP, "mixed.example", port).refused()).isNull();
            for (int i = 0; i < 2; i++) {
                try (Socket accepted = server.accept()) {
                    assertThat(accepted.getLocalAddress().getHostAddress()).isEqualTo("127.0.0.1");
                }
            }
        }
    }

    /** What was checked is what is dialled: nobody asks a second time, when the answer would be another. */
    @Test
    void anAnswerThatChangesBetweenCheckAndDial() throws Exception {
        try (TestLan lan = new TestLan(dir, this::lookup, EVERYTHING, "office:127.0.0.1/32", "office:0.0.0.0/0:9/tcp");
                Twins twins = Twins.at("127.0.0.1", "127.0.0.2")) {
            ServerSocket granted = twins.first();
            int port = granted.getLocalPort();
            answers("rebind.example", "127.0.0.1", "127.0.0.2");
            TestFlow flow = lan.open(TCP, "rebind.example", port);
            assertThat(flow.refused()).isNull();
            try (Socket accepted = granted.accept()) {
                assertThat(accepted.getLocalAddress().getHostAddress()).isEqualTo("127.0.0.1");
            }
            assertThat(asked).containsEntry("rebind.example", 1);
            assertThat(lan.open(TCP, "rebind.example", port).refused()).isEqualTo(Reason.NAME_NOT_FOUND);
        }
    }

    /** A deny of the gateway's policy holds at the agent for what a granted name resolves to. */
    @Test
    void aDeniedAddressBehindAGrantedName() throws Exception {
        Files.writeString(dir.resolve("policy.yaml"), """
                deny: [{to: 127.0.0.2}]
                grants: [{who: laptop, agents: office, to: ["*.evil.example", 127.0.0.0/8]}]
                """);
        try (TestLan lan = new TestLan(dir, this::lookup, EVERYTHING, "office:*.evil.example", "office:127.0.0.0/8");
                ServerSocket server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            answers("a.evil.example", "127.0.0.1");
            answers("b.evil.example", "127.0.0.2");
            answers("b.example", "127.0.0.2");
            assertThat(lan.open(TCP, "a.evil.example", server.getLocalPort()).refused())
                    .isNull();
            assertThat(lan.open(TCP, "b.evil.example", server.getLocalPort()).refused())
                    .isEqualTo(Reason.PROHIBITED);
            assertThat(lan.open(TCP, "b.example", server.getLocalPort()).refused())
                    .isEqualTo(Reason.NAME_NOT_FOUND);
        }
    }

    /** No grant names them, so whether they exist is none of the client's business: reason, words and time are the same. */
    @Test
    void aNameThatIsNotGrantedIsNotSaidToExist() throws Exception {
        try (TestLan lan = new TestLan(dir, this::lookup, EVERYTHING, "office:127.0.0.1/32")) {
            answers("exists.example", "127.0.0.2");
            answers("sensible.example", "169.254.169.254");
            FlowException none = lan.open(TCP, "absent.example", 80).failure();
            assertThat(none.reason()).isEqualTo(Reason.NAME_NOT_FOUND);
            for (String name : List.of("exists.example", "sensible.example")) {
                FlowException there = lan.open(TCP, name, 80).failure();
                assertThat(there.reason()).isEqualTo(none.reason());
                assertThat(there.getMessage().replace(name, "absent.example")).isEqualTo(none.getMessage());
                assertThat(asked).containsKey(name);
            }
        }
    }

    /** The agent serves nothing of what is granted: no name server hears of the name. */
    @Test
    void nobodyIsAskedInVain() throws Exception {
        try (TestLan lan = new TestLan(
                dir, this::lookup, List.of("127.0.0.0/30"), "office:192.0.2.0/24", "office:127.0.0.1/32:9/tcp")) {
            answers("exists.example", "192.0.2.1");
            assertThat(lan.open(TCP, "exists.example", 80).refused()).isEqualTo(Reason.NAME_NOT_FOUND);
            assertThat(asked).isEmpty();
            assertThat(lan.open(TCP, "exists.example", 9).refused()).isEqualTo(Reason.NAME_NOT_FOUND);
            assertThat(asked).containsKey("exists.example");
        }
    }

    /** RFC 8305: the first address refuses, the second is not permitted, the third has the server. */
    @Test
    void allPermittedAddressesGetTheirTurn() throws Exception {
        try (TestLan lan = new TestLan(dir, this::lookup, List.of("127.0.0.0/30"), "office:*.lan.example");
                Twins twins = Twins.at("127.0.0.3", "127.0.0.9")) {
            ServerSocket server = twins.first();
            int port = server.getLocalPort();
            answers("nas.lan.example", "127.0.0.1 127.0.0.9 127.0.0.3");
            assertThat(lan.open(TCP, "nas.lan.example", port).refused()).isNull();
            try (Socket accepted = server.accept()) {
                assertThat(accepted.getLocalAddress().getHostAddress()).isEqualTo("127.0.0.3");
            }
            answers("gone.lan.example", "127.0.0.1 127.0.0.9 127.0.0.2");
            assertThat(lan.open(TCP, "gone.lan.example", port).refused()).isEqualTo(Reason.CONNECTION_REFUSED);
        }
    }

    /** Servers on one port at two addresses. */
    private record Twins(ServerSocket first, ServerSocket second) implements AutoCloseable {
        /** Which port, is tried: one that is free at the first address may be taken at the second. */
        static Twins at(String firstAddress, String secondAddress) throws IOException {
            for (int attempts = 100; ; attempts--) {
                ServerSocket first = new ServerSocket(0, 5, InetAddress.getByName(firstAddress));
                try {
                    return new Twins(
                            first, new ServerSocket(first.getLocalPort(), 5, InetAddress.getByName(secondAddress)));
                } catch (BindException e) {
                    first.close();
                    if (attempts == 0) {
                        throw e;
                    }
                }
            }
        }

        @Override
        public void close() throws IOException {
            first.close();
            second.close();
        }
    }
}
