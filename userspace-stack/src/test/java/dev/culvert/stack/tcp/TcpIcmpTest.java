package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpConnection.State;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ICMP errors about segments of ours: RFC 9293 section 3.9.2.2, RFC 1122 section 4.2.3.9, RFC 5927, RFC 1191, RFC 8201. */
class TcpIcmpTest {
    private static Wire wire(int version) {
        Wire wire = new Wire();
        wire.ipv6 = version == 6;
        return wire;
    }

    /** An error that quotes headers and eight bytes of a segment of ours. */
    private static void error(Wire wire, Wire.Sent about, int type, int code, int mtu) {
        error(wire, about, about.seq, type, code, mtu);
    }

    private static void error(Wire wire, Wire.Sent about, int sequence, int type, int code, int mtu) {
        int ip = about.ipv6 ? 40 : 20;
        ByteBuf quoted = wire.alloc().buffer().writeBytes(about.ip, 0, ip + 8);
        quoted.setInt(ip + 4, sequence);
        wire.endpoint.icmpError(quoted, about.ipv6 ? 6 : 4, ip, type, code, mtu);
        wire.channel.runPendingTasks();
        quoted.release();
    }

    private static Wire.Sent next(Wire wire) {
        return Objects.requireNonNull(wire.sent.poll(), "a segment");
    }

    /** Codes 2 and 3, RFC 1122: "SHOULD abort the connection"; in ICMPv6 port, and the next header that nobody knows. */
    @ParameterizedTest
    @CsvSource({"4,3,2", "4,3,3", "6,1,4", "6,4,1"})
    void hardErrorEndsAConnectionThatIsNotSynchronised_1122_4_2_3_9(int version, int type, int code) {
        try (Wire wire = wire(version)) {
            Wire.App app = new Wire.App();
            TcpFlow flow = wire.syn().accept(app);
            error(wire, wire.expect("SA"), type, code, 0);
            assertThat(flow.isOpen()).isFalse();
            // It was never active, and so does not become inactive.
            assertThat(app.events)
                    .singleElement()
                    .asString()
                    .startsWith("exception: Connection refused")
                    .endsWith(type + "/" + code);
            wire.expectNothing();
            wire.expectEmpty();
        }
    }

    /** Codes 0, 1 and 5, time exceeded, parameter problem: "MUST NOT abort the connection". Others are taken so too. */
    @ParameterizedTest
    @CsvSource({
        "4,3,0", "4,3,1", "4,3,5", "4,3,9", "4,3,13", "4,11,0", "4,11,1", "4,12,0", "6,1,0", "6,1,1", "6,1,3", "6,3,0",
        "6,3,1", "6,4,0"
    })
    void softErrorEndsNothing_9293_3_9_2_2(int version, int type, int code) {
        try (Wire wire = wire(version)) {
            Wire.App app = new Wire.App();
            TcpFlow flow = wire.syn().accept(app);
            Wire.Sent synAck = wire.expect("SA");
            error(wire, synAck, type, code, 0);
            wire.send(Tcp.ACK, wire.peerNext, synAck.seq + 1, "");
            assertThat(flow.isActive()).isTrue();
            assertThat(app.events).containsExactly("active");
        }
    }

    /** RFC 5927 section 5.2, RFC 9293: in the synchronised states hard errors are soft. */
    @ParameterizedTest
    @CsvSource({"4,3,2", "4,3,3", "6,1,4", "6,4,1"})
    void hardErrorIsSoftOnceSynchronised_5927_5_2(int version, int type, int code) {
        try (Wire wire = wire(version)) {
            Wire.Conn c = wire.connect();
            c.write("established");
            error(wire, next(wire), type, code, 0);
            c.data("hello", 11);
            c.fin(11);
            assertThat(c.state()).isEqualTo(State.CLOSE_WAIT);
            wire.sent.clear();
            c.write("close-wait");
            error(wire, next(wire), type, code, 0);
            c.ack(21);
            c.flow.shutdownOutput();
            wire.channel.runPendingTasks();
            assertThat(c.state()).isEqualTo(State.LAST_ACK);
            error(wire, next(wire), type, code, 0);
            assertThat(wire.count(Counter.OPEN)).isEqualTo(1);
            c.ack(22);
            assertThat(c.app.read).asString().isEqualTo("hello");
            assertThat(c.app.events).noneMatch(e -> e.startsWith("exception"));
            wire.expectEmpty();
        }
    }

    @Test
    void softErrorIsToldWhenTheConnectionTimesOut_1122_4_2_3_9() {
        try (Wire wire = wire(4)) {
            Wire.Conn c = wire.connect();
            c.write("nobody acknowledges this");
            error(wire, next(wire), 3, 0, 0);
            error(wire, retransmission(wire, c), 3, 1, 0);
            wire.advance(20, TimeUnit.MINUTES);
            assertThat(c.app.events)
                    .anyMatch(e -> e.startsWith("exception: Connection timed out")
                            && e.endsWith("last heard of its path: ICMP 3/1"));
            wire.sent.clear();
        }
    }

    private static Wire.Sent retransmission(Wire wire, Wire.Conn c) {
        wire.advance(2, TimeUnit.SECONDS);
        Wire.Sent again = next(wire);
        assertThat(c.rel(again.seq)).as("a retransmission").isZero();
        return again;
    }

    /** RFC 5927 section 4.1: SND.UNA =< SEG.SEQ < SND.NXT, whatever the error is. */
    @ParameterizedTest
    @CsvSource({"3,3,0", "3,4,600"})
    void errorAboutWhatIsNotInFlightDoesNothing_5927_4_1(int type, int code, int mtu) {
        try (Wire wire = wire(4)) {
            Wire.App app = new Wire.App();
            wire.syn().accept(app);
            Wire.Sent synAck = wire.expect("SA");
            error(wire, synAck, synAck.seq - 1, type, code, mtu);
            error(wire, synAck, synAck.seq + 1, type, code, mtu);
            wire.send(Tcp.ACK, wire.peerNext, synAck.seq + 1, "");
            assertThat(app.events).containsExactly("active");
            assertThat(wire.count(Counter.OPEN)).isEqualTo(1);
        }
    }

    /** Less than 552 is believed to be that much, as kernels do (RFC 5927 section 7: or one error makes headers outweigh data). */
    @ParameterizedTest
    @CsvSource({"4,1280,1240", "4,552,512", "4,551,512", "4,88,512", "4,1,512", "6,1280,1220", "6,1400,1340"})
    void packetTooBigMakesSegmentsSmaller_1191_8201(int version, int mtu, int expected) {
        try (Wire wire = wire(version)) {
            Wire.Conn c = wire.connect();
            c.write(new byte[3000]);
            Wire.Sent s = next(wire);
            wire.sent.clear();
            error(wire, s, version == 4 ? 3 : 2, version == 4 ? 4 : 0, mtu);
            assertThat(next(wire).gsoSize).isEqualTo(expected);
            wire.sent.clear();
            error(wire, s, c.iss + 900_000, version == 4 ? 3 : 2, version == 4 ? 4 : 0, 1300);
            wire.expectNothing();
        }
    }

    /** Below what every path carries, not below what is sent anyway, or not stated (RFC 1191 section 5: an old router). */
    @ParameterizedTest
    @CsvSource({"4,0", "4,1500", "4,9000", "6,0", "6,1279", "6,1500"})
    void packetTooBigAdjustsNothingBelowTheMinimumOrAboveWhatIs(int version, int mtu) {
        try (Wire wire = wire(version)) {
            Wire.Conn c = wire.connect();
            c.write(new byte[3000]);
            Wire.Sent s = next(wire);
            int before = s.gsoSize;
            wire.sent.clear();
            error(wire, s, version == 4 ? 3 : 2, version == 4 ? 4 : 0, mtu);
            wire.expectNothing();
            c.ack(3000);
            c.write(new byte[3000]);
            assertThat(next(wire).gsoSize).isEqualTo(before);
            wire.sent.clear();
        }
    }
}
