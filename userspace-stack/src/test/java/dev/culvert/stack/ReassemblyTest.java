package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.fragment;
import static dev.culvert.stack.fixture.Packets.fragments;
import static dev.culvert.stack.fixture.Packets.reversed;
import static dev.culvert.stack.fixture.Packets.udp;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.socket.DatagramPacket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReassemblyTest {
    private static byte[] datagram(int version, int length) {
        return version == 4
                ? udp(CLIENT4, HOST4, 40000, 5000, bytes(length))
                : udp(CLIENT6, HOST6, 40000, 5000, bytes(length));
    }

    private static void assertPayload(StackFixture f, byte[] expected) {
        DatagramPacket datagram = f.next();
        try {
            assertThat(ByteBufUtil.getBytes(datagram.content())).isEqualTo(expected);
        } finally {
            datagram.release();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void inOrderAndInReverse(int version) {
        try (StackFixture f = new StackFixture()) {
            fragments(datagram(version, 5000), 1200, 7).forEach(f::in);
            assertPayload(f, bytes(5000));
            reversed(fragments(datagram(version, 4000), 1200, 8)).forEach(f::in);
            assertPayload(f, bytes(4000));
            assertThat(f.count(IpCounter.REASSEMBLED)).isEqualTo(2);
            assertThat(f.stack.stats().reassembling()).isZero();
            assertThat(f.stack.stats().reassemblyBytes()).isZero();
            assertThat(f.stack.stats().dropped()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void theLongestDatagram(int version) {
        try (StackFixture f = new StackFixture()) {
            int length = version == 4 ? 65_507 : 65_527;
            byte[] whole = datagram(version, length);
            fragments(whole, 1480, 7).forEach(f::in);
            assertPayload(f, bytes(length));
        }
    }

    @Test
    void shuffledInterleavedAndDuplicated() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (StackFixture f = new StackFixture()) {
            for (int run = 0; run < 30; run++) {
                List<byte[]> all = new ArrayList<>();
                int datagrams = 1 + random.nextInt(6);
                for (int i = 0; i < datagrams; i++) {
                    byte[] packet = datagram(random.nextBoolean() ? 4 : 6, 1500 + random.nextInt(8000));
                    List<byte[]> parts = fragments(packet, 8 * (30 + random.nextInt(150)), run * 100 + i);
                    all.addAll(parts);
                    // A duplicate; if it comes after the whole, it begins a datagram that only the time-out ends.
                    all.add(parts.get(random.nextInt(parts.size())));
                }
                Collections.shuffle(all, random);
                all.forEach(f::in);
                assertThat(f.read).as("seed=%d run=%d", seed, run).hasSize(datagrams);
                for (int i = 0; i < datagrams; i++) {
                    DatagramPacket whole = f.next();
                    assertThat(ByteBufUtil.getBytes(whole.content()))
                            .as("seed=%d run=%d", seed, run)
                            .isEqualTo(bytes(whole.content().readableBytes()));
                    whole.release();
                }
            }
            f.advance(61, TimeUnit.SECONDS);
            assertThat(f.stack.stats().reassembling()).as("seed=%d", seed).isZero();
            assertThat(f.stack.stats().reassemblyBytes()).as("seed=%d", seed).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void overlapCondemnsTheWholeDatagram(int version) {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = datagram(version, 3000);
            List<byte[]> parts = fragments(packet, 1000, 7);
            f.in(parts.get(0));
            f.in(fragment(packet, 992, new byte[16], true, 7));
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_OVERLAP)).isEqualTo(1);
            // What is yet to come is dropped too, even if it would make the datagram whole (RFC 5722).
            parts.forEach(f::in);
            assertThat(f.read).isEmpty();
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_OVERLAP)).isEqualTo(1 + parts.size());
            // No error about it when its time is over, and the identification is free again.
            f.advance(61, TimeUnit.SECONDS);
            f.assertSilent();
            parts.forEach(f::in);
            assertPayload(f, bytes(3000));
        }
    }

    @Test
    void overlapOfEveryShapeIsFound() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = datagram(4, 3000);
            int[][] overlaps = {{0, 16}, {8, 16}, {984, 16}, {992, 16}, {1000, 2000}, {1992, 16}, {0, 2008}};
            int id = 100;
            for (int[] overlap : overlaps) {
                long before = f.count(IpCounter.DROPPED_FRAGMENT_OVERLAP);
                f.in(fragment(packet, 8, new byte[984], true, id));
                f.in(fragment(packet, 1000, new byte[1000], true, id));
                assertThat(f.count(IpCounter.DROPPED_FRAGMENT_OVERLAP)).isEqualTo(before);
                f.in(fragment(packet, overlap[0], new byte[overlap[1]], true, id));
                assertThat(f.count(IpCounter.DROPPED_FRAGMENT_OVERLAP))
                        .as(Arrays.toString(overlap))
                        .isEqualTo(before + 1);
                id++;
            }
        }
    }

    @Test
    void contradictoryEndsCondemnTheDatagram() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = datagram(4, 3000);
            f.in(fragment(packet, 1000, new byte[16], false, 1));
            f.in(fragment(packet, 2000, new byte[16], false, 1));
            f.in(fragment(packet, 1000, new byte[16], false, 2));
            f.in(fragment(packet, 1016, new byte[16], true, 2));
            f.in(fragment(packet, 1000, new byte[16], true, 3));
            f.in(fragment(packet, 800, new byte[16], false, 3));
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_OVERLAP)).isEqualTo(3);
        }
    }

    @Test
    void malformedFragmentsAreDroppedAndIpv6SaysWhere() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet4 = datagram(4, 3000);
            f.in(fragment(packet4, 0, new byte[15], true, 1));
            f.in(fragment(packet4, 65_528, new byte[8], false, 1));
            f.in(fragment(packet4, 800, new byte[0], false, 1));
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_MALFORMED)).isEqualTo(3);
            f.assertSilent();
            byte[] packet6 = datagram(6, 3000);
            f.in(fragment(packet6, 0, new byte[15], true, 1));
            byte[] error = f.out();
            assertThat(new int[] {error[40], error[41], error[47]}).containsExactly(4, 0, 4);
            // About a fragment that is not the first no error is sent (RFC 1122 section 3.2.2).
            f.in(fragment(packet6, 65_528, new byte[16], false, 1));
            f.assertSilent();
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_MALFORMED)).isEqualTo(5);
            assertThat(f.stack.stats().reassembling()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void timeOutIsReportedIfTheFirstFragmentHasCome(int version) {
        try (StackFixture f = new StackFixture()) {
            List<byte[]> parts = fragments(datagram(version, 3000), 1000, 7);
            f.in(parts.get(0));
            f.advance(30, TimeUnit.SECONDS);
            f.in(parts.get(1));
            // 60 s from the first that came, not from the last.
            f.advance(29_900, TimeUnit.MILLISECONDS);
            assertThat(f.stack.stats().reassembling()).isEqualTo(1);
            f.advance(200, TimeUnit.MILLISECONDS);
            assertThat(f.stack.stats().reassembling()).isZero();
            assertThat(f.count(IpCounter.REASSEMBLY_TIMED_OUT)).isEqualTo(1);
            byte[] error = f.out();
            int icmp = version == 4 ? 20 : 40;
            assertThat(new int[] {error[icmp], error[icmp + 1]}).containsExactly(version == 4 ? 11 : 3, 1);
            byte[] quoted = Arrays.copyOfRange(error, icmp + 8, error.length);
            assertThat(quoted).isEqualTo(Arrays.copyOf(parts.get(0), quoted.length));

            f.in(parts.get(1));
            f.advance(61, TimeUnit.SECONDS);
            assertThat(f.count(IpCounter.REASSEMBLY_TIMED_OUT)).isEqualTo(2);
            f.assertSilent();
        }
    }

    @Test
    void limitsOnDatagramsEvictTheOldest() {
        StackConfig.Builder config = StackConfig.builder().reassembly(4 << 20, 10, 4, Duration.ofSeconds(60));
        try (StackFixture f = new StackFixture(config)) {
            for (int source = 0; source < 2; source++) {
                for (int id = 0; id < 6; id++) {
                    byte[] packet = udp("10.9.0." + (2 + source), HOST4, 40000, 5000, bytes(3000));
                    f.in(fragments(packet, 1000, id).get(0));
                }
            }
            assertThat(f.stack.stats().reassembling()).as("4 of each source").isEqualTo(8);
            assertThat(f.count(IpCounter.REASSEMBLY_EVICTED)).isEqualTo(4);
            // Source 0's first two were evicted, not source 1's.
            fragments(udp("10.9.0.2", HOST4, 40000, 5000, bytes(3000)), 1000, 5)
                    .subList(1, 4)
                    .forEach(f::in);
            assertPayload(f, bytes(3000));
            for (int source = 10; source < 15; source++) {
                byte[] packet = udp("10.9.0." + source, HOST4, 40000, 5000, bytes(3000));
                f.in(fragments(packet, 1000, 1).get(0));
            }
            assertThat(f.stack.stats().reassembling()).isEqualTo(10);
            assertThat(f.count(IpCounter.REASSEMBLY_EVICTED)).isEqualTo(6);
        }
    }

    @Test
    void limitOnMemoryHoldsForLargeAndForTinyFragments() {
        StackConfig.Builder config =
                StackConfig.builder().reassembly(128 << 10, 10_000, 10_000, Duration.ofSeconds(60));
        try (StackFixture f = new StackFixture(config)) {
            byte[] packet = datagram(4, 60_000);
            for (int id = 0; id < 500; id++) {
                f.in(fragment(packet, 0, new byte[1400], true, id));
                assertThat(f.stack.stats().reassemblyBytes()).isLessThanOrEqualTo(128 << 10);
            }
            for (int id = 1000; id < 2000; id++) {
                f.in(fragment(packet, 0, new byte[8], true, id));
                assertThat(f.stack.stats().reassemblyBytes()).isLessThanOrEqualTo(128 << 10);
            }
            assertThat(f.stack.stats().reassembling()).isBetween(100, 300);
            assertThat(f.count(IpCounter.REASSEMBLY_EVICTED)).isGreaterThan(1000);
        }
    }

    @Test
    void aDatagramInTooManyPiecesIsGivenUp() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = datagram(4, 60_000);
            for (int i = 0; i < 129; i++) {
                f.in(fragment(packet, i * 16, new byte[8], true, 1));
            }
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_TOO_MANY)).isEqualTo(1);
            assertThat(f.stack.stats().reassemblyBytes()).isLessThan(1000);
        }
    }

    @Test
    void congestionMarksAreJoined() {
        try (StackFixture f = new StackFixture()) {
            List<byte[]> marked = fragments(datagram(4, 3000), 1000, 1);
            for (int i = 0; i < marked.size(); i++) {
                byte[] part = marked.get(i);
                part[1] = (byte) (i == 1 ? 3 : 2);
                f.in(Packets.fixChecksum(part));
            }
            assertPayload(f, bytes(3000));
            List<byte[]> contradictory = fragments(datagram(4, 3000), 1000, 2);
            contradictory.get(1)[1] = 3;
            contradictory.forEach(part -> f.in(Packets.fixChecksum(part)));
            assertThat(f.read).as("RFC 3168 section 5.3").isEmpty();
            assertThat(f.stack.stats().reassembling()).isZero();
        }
    }

    @Test
    void fragmentsOfOneIdentificationButAnotherProtocolDoNotMeet() {
        try (StackFixture f = new StackFixture()) {
            List<byte[]> parts = fragments(datagram(4, 1500), 1000, 1);
            byte[] stranger = parts.get(1).clone();
            stranger[9] = 99;
            f.in(parts.get(0));
            f.in(Packets.fixChecksum(stranger));
            assertThat(f.stack.stats().reassembling()).isEqualTo(2);
            f.in(parts.get(1));
            assertPayload(f, bytes(1500));
        }
    }

    @Test
    void heldFragmentsAreReleasedWithTheStack() {
        try (StackFixture f = new StackFixture()) {
            fragments(datagram(4, 5000), 1000, 1).subList(0, 3).forEach(f::in);
            fragments(datagram(6, 5000), 1000, 1).subList(1, 3).forEach(f::in);
            assertThat(f.stack.stats().reassemblyBytes()).isGreaterThan(5000);
            f.channel.close();
            assertThat(f.stack.stats().reassemblyBytes()).isZero();
        }
    }

    @Test
    void aWholeThatIsNoGoodIsDroppedLikeAnyPacket() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = datagram(6, 3000);
            packet[50] ^= 1;
            fragments(packet, 1000, 1).forEach(f::in);
            assertThat(f.count(IpCounter.REASSEMBLED)).isEqualTo(1);
            assertThat(f.count(IpCounter.DROPPED_CHECKSUM)).isEqualTo(1);
            assertThat(f.read).isEmpty();
        }
    }
}
