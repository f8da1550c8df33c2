package dev.culvert.gateway.certificate.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.gateway.FreePort;
import dev.culvert.gateway.certificate.dns.DnsProver.Placed;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Section;
import org.xbill.DNS.TXTRecord;

/** Against a real name server. Tagged with the tests that need Debian's programs: this one needs named, and no root. */
@NullUnmarked
@Tag("netns")
@Timeout(120)
final class DnsProverTest {
    private static final String CHALLENGE = "_acme-challenge.";

    @TempDir
    Path dir;

    private int port;
    private Bind bind;

    @BeforeEach
    void begin() throws Exception {
        port = FreePort.next();
        bind = new Bind(dir.resolve("bind"), "127.0.0.1", port, List.of("""
                        app.test
                        @ NS ns1
                        ns1 A 127.0.0.1
                        _acme-challenge.given CNAME given.proofs.test.
                        *.wild CNAME ns1
                        _acme-challenge.loop CNAME a.loop
                        a.loop CNAME _acme-challenge.loop""", """
                        sub.app.test
                        @ NS ns1.app.test.""", """
                        proofs.test
                        @ NS ns1.app.test.""", """
                        late.test
                        @ NS ns1.app.test.
                        @ NS ns2
                        ns2 A 127.0.0.2"""));
    }

    @AfterEach
    void end() {
        bind.close();
    }

    private DnsProver prover(String key, String more) throws IOException {
        return new DnsProver(
                DnsSettings.parse("rfc2136:" + bind.at() + ",key=" + key + ",resolver=" + bind.at() + more),
                port,
                time -> TimeUnit.MILLISECONDS.sleep(50));
    }

    private DnsProver prover() throws IOException {
        return prover(Bind.KEY + ":" + bind.key(), ",wait=10");
    }

    @Test
    void aWildcardAndItsBaseNameHaveTwoTextsAtOneNameAndEachIsTakenAwayAlone() throws Exception {
        DnsProver prover = prover();
        Placed at = prover.place(CHALLENGE + "app.test.");
        assertThat(at).isEqualTo(new Placed("_acme-challenge.app.test.", "app.test."));
        prover.present(at, "first");
        prover.present(at, "second");
        assertThat(bind.texts(at.name())).containsExactlyInAnyOrder("first", "second");
        prover.cleanUp(at, "first");
        assertThat(bind.texts(at.name())).containsExactly("second");
        prover.cleanUp(at, "second");
        prover.cleanUp(at, "second"); // as after a crash
        assertThat(bind.texts(at.name())).isEmpty();
    }

    @Test
    void theZoneIsTheOneThatHoldsTheName() throws Exception {
        assertThat(prover().place(CHALLENGE + "deep.down.app.test.").zone()).isEqualTo("app.test.");
        DnsProver prover = prover();
        Placed at = prover.place(CHALLENGE + "x.sub.app.test.");
        assertThat(at.zone()).isEqualTo("sub.app.test.");
        prover.present(at, "value");
        assertThat(bind.texts("_acme-challenge.x.sub.app.test.")).containsExactly("value");
        assertThatThrownBy(() -> prover.place(CHALLENGE + "elsewhere.example."))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(bind.at() + " ");
    }

    @Test
    void aNameIsFollowedToWhereItsProofsAreGiven() throws Exception {
        DnsProver prover = prover();
        Placed at = prover.place(CHALLENGE + "given.app.test.");
        assertThat(at).isEqualTo(new Placed("given.proofs.test.", "proofs.test."));
        prover.present(at, "value");
        assertThat(bind.texts("_acme-challenge.given.app.test.")).containsExactly("value");
        prover.cleanUp(at, "value");
        assertThat(bind.texts("given.proofs.test.")).isEmpty();
    }

    @Test
    void aWildcardsCnameIsNotFollowedAndALoopEnds() throws Exception {
        DnsProver prover = prover();
        Placed at = prover.place(CHALLENGE + "wild.app.test.");
        assertThat(at.name()).isEqualTo("_acme-challenge.wild.app.test.");
        prover.present(at, "value");
        assertThat(bind.texts(at.name())).containsExactly("value");
        assertThatThrownBy(() -> prover.place(CHALLENGE + "loop.app.test.")).hasMessageContaining("do not end");
    }

    @Test
    void aKeyThatIsNotTakenIsSaidInWords() throws Exception {
        Path other = Files.writeString(dir.resolve("other.key"), "b3RoZXI=\n");
        DnsProver wrong = prover(Bind.KEY + ":" + other, "");
        Placed at = wrong.place(CHALLENGE + "app.test.");
        assertThatThrownBy(() -> wrong.present(at, "value"))
                .hasMessageStartingWith(bind.at() + " refuses updates of app.test.: the key 'acme-key' in " + other);
        assertThatThrownBy(() -> prover("nobody:" + other, "").present(at, "value"))
                .hasMessageContaining("does not know the key 'nobody'");
        Path known = Files.writeString(dir.resolve("known.key"), "YSBrZXkgZm9yIHRlc3RzIGFsb25lLCBvZiAzMiBieXRl");
        assertThatThrownBy(() ->
                        prover("other-key:" + known, ",algorithm=hmac-sha512").present(at, "value"))
                .hasMessageContaining("the key 'other-key' may not change it");
        assertThat(bind.texts(at.name())).isEmpty();
    }

    @Test
    void aServerThatLacksTheRecordIsWaitedForAndOneThatIsNotHeardIsNot() throws Exception {
        DnsProver prover = prover();
        Placed at = prover.place(CHALLENGE + "late.test.");
        prover.present(at, "nobody at 127.0.0.2");
        try (Secondary second = new Secondary(port)) {
            assertThatThrownBy(
                            () -> prover(Bind.KEY + ":" + bind.key(), ",wait=2").present(at, "only here"))
                    .hasMessage(
                            "the record at _acme-challenge.late.test. has not come to all servers of late.test. within 2 s:"
                                    + " 127.0.0.2:" + port + " lack it");
            second.comesAfter = 3;
            second.text = "on both";
            prover(Bind.KEY + ":" + bind.key(), ",wait=1800").present(at, "on both");
            assertThat(second.comesAfter).isNegative();
        }
    }

    /** Another server of a zone, which has a record only when it has been asked for it some times. */
    private static final class Secondary implements AutoCloseable {
        volatile String text = "";
        volatile int comesAfter;
        private final DatagramSocket socket;
        private final Thread thread = new Thread(this::answer, "secondary");

        /** At 127.0.0.2, which is no address of an interface, so that named could not listen there. */
        Secondary(int port) throws IOException {
            socket = new DatagramSocket(port, InetAddress.getByName("127.0.0.2"));
            thread.setDaemon(true);
            thread.start();
        }

        private void answer() {
            byte[] buffer = new byte[4_096];
            while (!socket.isClosed()) {
                try {
                    DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
                    socket.receive(packet);
                    Message query = new Message(Arrays.copyOf(buffer, packet.getLength()));
                    Message answer = new Message(query.getHeader().getID());
                    answer.getHeader().setFlag(Flags.QR);
                    answer.getHeader().setFlag(Flags.AA);
                    answer.addRecord(query.getQuestion(), Section.QUESTION);
                    if (!text.isEmpty() && comesAfter-- <= 0) {
                        answer.addRecord(
                                new TXTRecord(query.getQuestion().getName(), DClass.IN, 60, text), Section.ANSWER);
                    }
                    byte[] bytes = answer.toWire();
                    socket.send(new DatagramPacket(bytes, bytes.length, packet.getSocketAddress()));
                } catch (IOException e) {
                    if (!socket.isClosed()) {
                        throw new IllegalStateException(e);
                    }
                }
            }
        }

        @Override
        public void close() {
            socket.close();
        }
    }
}
