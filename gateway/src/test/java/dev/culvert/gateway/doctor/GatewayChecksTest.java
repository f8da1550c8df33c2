package dev.culvert.gateway.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.control.ControlSocket;
import dev.culvert.command.control.Questions;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.token.state.StateDirectory;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each of a gateway's checks, with a directory and a machine as they should be and as they should not. */
@NullUnmarked
final class GatewayChecksTest {
    @TempDir
    Path dir;

    private StateDirectory made() throws IOException {
        return StateDirectory.openOrCreate(dir.resolve("state"));
    }

    private StateDirectory open() throws IOException {
        return StateDirectory.open(dir.resolve("state"));
    }

    private static Finding only(Check check) throws IOException {
        List<Finding> findings = check.look();
        assertThat(findings).hasSize(1);
        assertThat(findings.get(0).cure().isEmpty()).isEqualTo(findings.get(0).state() != Finding.State.BAD);
        return findings.get(0);
    }

    private static void is(Check check, Finding.State state, String words) throws IOException {
        Finding finding = only(check);
        assertThat(finding.state()).as(finding.toString()).isEqualTo(state);
        assertThat(finding.what() + "; " + finding.cure()).contains(words);
    }

    @Test
    void state() throws Exception {
        is(new StateCheck(this::open), Finding.State.BAD, "does not exist: run token init");
        made();
        is(new StateCheck(this::open), Finding.State.GOOD, "tokens of 1 signing key are accepted");
        Files.setPosixFilePermissions(
                dir.resolve("state").resolve("ca.key"), PosixFilePermissions.fromString("rw-r-----"));
        is(new StateCheck(this::open), Finding.State.BAD, "ca.key");
    }

    private Clock in(Duration time) {
        return Clock.fixed(Instant.now().plus(time), ZoneOffset.UTC);
    }

    @Test
    void authority() throws Exception {
        is(new AuthorityCheck(this::open, Clock.systemUTC()), Finding.State.OPEN, "state directory");
        made();
        is(new AuthorityCheck(this::open, in(Duration.ofMinutes(1))), Finding.State.GOOD, "valid until ");
        is(new AuthorityCheck(this::open, in(Duration.ofDays(-400))), Finding.State.BAD, "set this machine's clock");
        is(new AuthorityCheck(this::open, in(Duration.ofDays(365 * 100))), Finding.State.BAD, "if the clock is right");
    }

    @Test
    void whetherItRuns() throws Exception {
        Path socket = dir.resolve("gateway.sock");
        RunningCheck none = new RunningCheck(List.of(socket));
        is(none, Finding.State.BAD, "it is not running");
        assertThat(none.isRunning()).isFalse();
        Questions questions = new Questions("gateway", "1");
        questions.add(
                "status",
                "how it is",
                with -> Map.of(
                        "pid", 42,
                        "listen", "0.0.0.0:443",
                        "agents", List.of(1),
                        "clients", List.of(1, 2),
                        "flows", 3,
                        "store", Map.of("state", "away", "address", "redis://db", "why", "refused"),
                        "certificates", List.of(Map.of("name", "a.test"), Map.of("name", "b.test", "why", "no DNS"))));
        try (Closeable open = ControlSocket.open(socket, null, questions, line -> {})) {
            assertThat(open).isNotNull();
            RunningCheck running = new RunningCheck(List.of(socket));
            List<Finding> findings = running.look();
            assertThat(findings.get(0))
                    .isEqualTo(
                            Finding.good("gateway", "process 42 listens on 0.0.0.0:443, 1 agents, 2 clients, 3 flows"));
            assertThat(findings.get(1).state()).isEqualTo(Finding.State.BAD);
            assertThat(findings.get(1).what()).isEqualTo("redis://db is away: refused");
            assertThat(findings.get(2))
                    .isEqualTo(Finding.bad("certificate", "b.test: no DNS", "gateway publish explain b.test"));
            assertThat(findings).hasSize(3);
            is(
                    new ListenCheck(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1), running),
                    Finding.State.OPEN,
                    "the gateway has its own");
        }
    }

    @Test
    void port() throws Exception {
        RunningCheck none = new RunningCheck(List.of(dir.resolve("none")));
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            InetSocketAddress at = (InetSocketAddress) taken.getLocalSocketAddress();
            is(new ListenCheck(at, none), Finding.State.BAD, "another program listens there");
        }
        is(
                new ListenCheck(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), none),
                Finding.State.GOOD,
                "is free");
    }

    @Test
    void urls() throws Exception {
        is(new UrlsCheck(this::open), Finding.State.OPEN, "state directory");
        StateDirectory state = made();
        is(new UrlsCheck(this::open), Finding.State.BAD, "token init --gateway");
        state.setGatewayUrls(List.of(URI.create("wss://127.0.0.1:443")));
        is(new UrlsCheck(this::open), Finding.State.GOOD, "wss://127.0.0.1:443 is 127.0.0.1");
        state.setGatewayUrls(List.of(URI.create("wss://no-such-name.invalid:443")));
        is(new UrlsCheck(this::open), Finding.State.BAD, "the name cannot be resolved here");
    }
}
