package dev.culvert.command.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.Socket;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a service manager hears. */
@NullUnmarked
class SupervisorTest {
    @TempDir
    Path dir;

    private final List<String> complaints = new ArrayList<>();
    private Socket manager;

    @BeforeEach
    void listen() {
        Epoll.ensureAvailability();
        manager = Socket.newSocketDomainDgram();
    }

    @AfterEach
    void close() throws IOException {
        manager.close();
    }

    private Supervisor at(String address) {
        return Supervisor.of(Map.of("NOTIFY_SOCKET", address), complaints::add);
    }

    /** Of what has come already: datagrams on one machine are there when they were sent. */
    private String heard() throws IOException {
        ByteBuffer in = ByteBuffer.allocateDirect(2_048);
        var from = manager.recvFromDomainSocket(in, 0, in.capacity());
        if (from == null) {
            return "";
        }
        byte[] bytes = new byte[from.receivedAmount()];
        in.get(0, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Test
    void hearsHowFarTheServiceIs() throws IOException {
        Path path = dir.resolve("notify");
        manager.bind(new DomainSocketAddress(path.toString()));
        Supervisor supervisor = at(path.toString());
        assertThat(supervisor.isThere()).isTrue();

        supervisor.ready("listening on port 443");
        assertThat(heard()).isEqualTo("READY=1\nSTATUS=listening on port 443");
        long before = System.nanoTime() / 1_000;
        supervisor.reloading();
        String reloading = heard();
        assertThat(reloading).startsWith("RELOADING=1\nMONOTONIC_USEC=");
        assertThat(Long.parseLong(reloading.substring(reloading.lastIndexOf('=') + 1)))
                .isBetween(before, System.nanoTime() / 1_000);
        supervisor.status("two\nlines, READY=1\nin them");
        assertThat(heard()).startsWith("STATUS=two").doesNotContain("\n");
        supervisor.stopping();
        assertThat(heard()).isEqualTo("STOPPING=1\nSTATUS=stopping");
        assertThat(heard()).isEmpty();
        assertThat(complaints).isEmpty();
    }

    @Test
    void mayHaveNoFile() throws IOException {
        String name = "culvert-test-" + ProcessHandle.current().pid();
        manager.bind(new DomainSocketAddress("\0" + name));
        at("@" + name).ready("up");
        assertThat(heard()).isEqualTo("READY=1\nSTATUS=up");
        assertThat(complaints).isEmpty();
    }

    @Test
    void isNotThereWhereNobodyAsked() {
        for (Supervisor none : List.of(Supervisor.of(Map.of(), complaints::add), at(""), at("notify"), at("@"))) {
            assertThat(none.isThere()).isFalse();
            none.ready("up");
        }
        assertThat(complaints).isEmpty();
    }

    @Test
    void thatCannotBeToldIsSaidOnceEach() {
        at(dir.resolve("nobody").toString()).ready("up");
        assertThat(complaints)
                .singleElement()
                .asString()
                .isEqualTo("the service manager could not be told READY: its socket is not there");
    }

    /** A manager that hangs holds nobody up for long. */
    @Test
    void thatDoesNotReadIsGivenUp() throws IOException {
        Path path = dir.resolve("full");
        manager.bind(new DomainSocketAddress(path.toString()));
        Supervisor supervisor = at(path.toString());
        for (int i = 0; i < 10_000 && complaints.isEmpty(); i++) {
            supervisor.status("more");
        }
        assertThat(complaints).singleElement().asString().contains("it reads nothing");
    }
}
