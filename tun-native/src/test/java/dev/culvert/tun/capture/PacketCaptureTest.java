package dev.culvert.tun.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.culvert.tun.device.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6Packet;
import org.pcap4j.packet.TcpPacket;
import org.pcap4j.packet.UdpPacket;

@NullUnmarked
@Timeout(120)
final class PacketCaptureTest {
    private static final Instant NOW = Instant.parse("2026-11-30T20:00:00.123456Z");
    private static final Clock CLOCK = Clock.fixed(NOW, ZoneOffset.UTC);
    private static final int TCP = 6;
    private static final int UDP = 17;

    @TempDir
    Path dir;

    /** A packet of a file. */
    private record Record(long seconds, int micros, int length, byte[] bytes) {}

    private static ByteBuf message(ByteBuf packet) {
        ByteBuf b = Unpooled.buffer();
        VirtioNetHeader.writeNone(b);
        return b.writeBytes(packet);
    }

    private static ByteBuf syn() {
        ByteBuf tcp = Unpooled.buffer()
                .writeShort(40_000)
                .writeShort(5_432)
                .writeInt(1)
                .writeInt(0)
                .writeShort(0x5002)
                .writeShort(1_000)
                .writeInt(0);
        return PacketFilterTest.packet("100.64.0.1", "10.77.0.5", TCP, tcp);
    }

    private static ByteBuf datagram(int payload) {
        ByteBuf udp = Unpooled.buffer()
                .writeShort(53)
                .writeShort(40_000)
                .writeShort(8 + payload)
                .writeShort(1)
                .writeZero(payload);
        return PacketFilterTest.packet("fd77::5", "fd00::1", UDP, udp);
    }

    private static List<Record> records(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.nativeOrder());
        assertThat(b.getInt()).isEqualTo(0xa1b2c3d4);
        assertThat(b.getShort()).isEqualTo((short) 2);
        assertThat(b.getShort()).isEqualTo((short) 4);
        b.getLong();
        b.getInt();
        assertThat(b.getInt()).as("LINKTYPE_RAW").isEqualTo(101);
        List<Record> all = new ArrayList<>();
        while (b.hasRemaining()) {
            long seconds = Integer.toUnsignedLong(b.getInt());
            int micros = b.getInt();
            byte[] bytes = new byte[b.getInt()];
            int length = b.getInt();
            b.get(bytes);
            all.add(new Record(seconds, micros, length, bytes));
        }
        return all;
    }

    private static byte[] drain(PacketCapture capture) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(capture.header());
        for (byte[] record = capture.poll(); record != null; record = capture.poll()) {
            file.writeBytes(record);
        }
        return file.toByteArray();
    }

    @Test
    void packetsOfBothWaysAreCopiedAndGoOn() throws Exception {
        PacketCapture capture = new PacketCapture(List.of(), Pcap.MAX_SNAP_LENGTH, CLOCK, () -> {});
        EmbeddedChannel tun = new EmbeddedChannel(capture);
        ByteBuf in = message(syn());
        tun.writeInbound(in);
        // What the stack writes is in pieces.
        ByteBuf packet = message(datagram(100));
        ByteBuf out =
                Unpooled.wrappedBuffer(packet.readRetainedSlice(58), packet.readRetainedSlice(packet.readableBytes()));
        packet.release();
        tun.writeOutbound(out);
        List<Record> records = records(drain(capture));
        assertThat(records).hasSize(2);
        assertThat(records).allSatisfy(r -> {
            assertThat(r.length()).isEqualTo(r.bytes().length);
            assertThat(Instant.ofEpochSecond(r.seconds(), 1_000L * r.micros())).isEqualTo(NOW);
            assertThat(r.micros()).isBetween(0, 999_999);
        });
        IpV4Packet first =
                IpV4Packet.newPacket(records.get(0).bytes(), 0, records.get(0).bytes().length);
        assertThat(first.getHeader().getDstAddr().getHostAddress()).isEqualTo("10.77.0.5");
        assertThat(first.get(TcpPacket.class).getHeader().getDstPort().valueAsInt())
                .isEqualTo(5_432);
        assertThat(first.get(TcpPacket.class).getHeader().getSyn()).isTrue();
        IpV6Packet second =
                IpV6Packet.newPacket(records.get(1).bytes(), 0, records.get(1).bytes().length);
        assertThat(second.getHeader().getSrcAddr().getHostAddress()).isEqualTo("fd77:0:0:0:0:0:0:5");
        assertThat(second.get(UdpPacket.class).getHeader().getLengthAsInt()).isEqualTo(108);
        // Untouched, and given on.
        assertThat((ByteBuf) tun.readInbound()).isSameAs(in);
        assertThat(in.readableBytes()).isEqualTo(VirtioNetHeader.LENGTH + 40);
        assertThat(in.refCnt()).isEqualTo(1);
        assertThat((ByteBuf) tun.readOutbound()).isSameAs(out);
        assertThat(out.refCnt()).isEqualTo(1);
        in.release();
        out.release();
    }

    /** Which no clock that stands still with it tells, as that of System.nanoTime does. */
    @Test
    void timesAreThoseOfTheDayAlsoWhenTheMachineHasSlept() {
        AtomicReference<Instant> now = new AtomicReference<>(NOW);
        InstantSource clock = now::get;
        PacketCapture capture =
                new PacketCapture(List.of(), Pcap.MAX_SNAP_LENGTH, clock.withZone(ZoneOffset.UTC), () -> {});
        EmbeddedChannel tun = new EmbeddedChannel(capture);
        tun.writeInbound(message(syn()));
        Instant morning = NOW.plus(Duration.ofHours(9));
        now.set(morning);
        tun.writeInbound(message(syn()));
        now.set(morning.minusSeconds(1)); // it is set
        tun.writeInbound(message(syn()));
        assertThat(records(drain(capture)))
                .extracting(r -> Instant.ofEpochSecond(r.seconds(), 1_000L * r.micros()))
                .containsExactly(NOW, morning, morning.minusSeconds(1));
        tun.releaseInbound();
    }

    @Test
    void oneThatIsTakenOutSaysSoAndGivesWhatItHas() {
        AtomicInteger told = new AtomicInteger();
        PacketCapture capture = new PacketCapture(List.of(), Pcap.MAX_SNAP_LENGTH, CLOCK, told::incrementAndGet);
        EmbeddedChannel tun = new EmbeddedChannel(capture);
        tun.writeInbound(message(syn()));
        assertThat(capture.ended()).isNotDone();
        assertThat(told).hasValue(1);
        tun.pipeline().remove(capture);
        assertThat(capture.ended()).isDone();
        assertThat(told).hasValue(2);
        assertThat(records(drain(capture))).hasSize(1);
        tun.releaseInbound();
    }

    @Test
    void ofAPacketAsMuchAsIsWanted() {
        PacketCapture capture = new PacketCapture(List.of(), Pcap.MIN_SNAP_LENGTH, CLOCK, () -> {});
        EmbeddedChannel tun = new EmbeddedChannel(capture);
        tun.writeInbound(message(datagram(1_000)), message(syn()));
        List<Record> records = records(drain(capture));
        assertThat(records.get(0).bytes()).hasSize(Pcap.MIN_SNAP_LENGTH);
        assertThat(records.get(0).length()).isEqualTo(1_048);
        assertThat(records.get(1).bytes()).hasSize(40);
        tun.releaseInbound();
    }

    @Test
    void whatNoFilterLetsThroughIsNotCounted() {
        PacketCapture capture = new PacketCapture(
                List.of(PacketFilter.parse("tcp:*:80"), PacketFilter.parse("udp:*:53")),
                Pcap.MAX_SNAP_LENGTH,
                CLOCK,
                () -> {});
        EmbeddedChannel tun = new EmbeddedChannel(capture);
        tun.writeInbound(message(syn()), message(datagram(1)), Unpooled.buffer().writeZero(10));
        assertThat(records(drain(capture))).hasSize(1);
        assertThat(capture.packets()).isOne();
        tun.releaseInbound();
    }

    /** Nobody takes them: memory is bounded, packets go on, and what is lost is counted. */
    @Test
    void whatIsNotTakenIsDroppedAndCounted() {
        AtomicInteger told = new AtomicInteger();
        PacketCapture capture = new PacketCapture(List.of(), Pcap.MAX_SNAP_LENGTH, CLOCK, told::incrementAndGet);
        EmbeddedChannel tun = new EmbeddedChannel(capture);
        int sent = 0;
        ByteBuf large = message(datagram(16_000));
        while (capture.dropped() < 3) {
            tun.writeInbound(large.retain());
            ((ByteBuf) tun.readInbound()).release();
            assertThat(++sent).isLessThan(1_000);
        }
        large.release();
        assertThat(told).as("once, until it is polled").hasValue(1);
        assertThat(capture.packets()).isEqualTo(sent);
        byte[] kept = drain(capture);
        assertThat(kept.length).isLessThanOrEqualTo(PacketCapture.MAX_QUEUED);
        assertThat(records(kept)).hasSize(sent - 3);
        tun.writeInbound(message(syn()));
        assertThat(told).hasValue(2);
        assertThat(records(drain(capture))).hasSize(1);
        tun.releaseInbound();
    }

    @Test
    void aFileIsForItsOwnerAloneAndWrittenAtOnce() throws Exception {
        Path path = dir.resolve("a.pcap");
        Files.writeString(path, "what was there");
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw-rw-"));
        try (CaptureFile file = CaptureFile.open(path, List.of(), Pcap.MAX_SNAP_LENGTH, CLOCK)) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .isEqualTo("rw-------");
            EmbeddedChannel tun = new EmbeddedChannel(file.capture());
            file.start(line -> {
                throw new AssertionError(line);
            });
            tun.writeInbound(message(syn()));
            while (Files.size(path) < 24 + 16 + 40) { // it is there without anything more
                TimeUnit.MILLISECONDS.sleep(5);
            }
            tun.writeInbound(message(datagram(7)));
            tun.releaseInbound();
        }
        assertThat(records(Files.readAllBytes(path))).hasSize(2);
    }

    /** Whoever has it open, or another name for it, has prepared for nothing. */
    @Test
    void theFileThatWasThereIsNotWrittenTo() throws Exception {
        Path path = Files.writeString(dir.resolve("a.pcap"), "theirs");
        Path other = Files.createLink(dir.resolve("other"), path);
        try (OutputStream out = CaptureFile.create(path)) {
            out.write(new byte[100_000]);
            assertThat(Files.readString(other)).isEqualTo("theirs");
        }
        assertThat(Files.size(path)).isEqualTo(100_000);
        assertThat(Files.readString(other)).isEqualTo("theirs");
        try (Stream<Path> all = Files.list(dir)) {
            assertThat(all).as("nothing else is left").containsExactlyInAnyOrder(path, other);
        }
    }

    @Test
    void aPipeOfAnothersIsNotWrittenTo() throws Exception {
        Path pipe = dir.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        assumeTrue(Files.getAttribute(pipe, "unix:uid").equals(0), "root can make one for another");
        Files.setAttribute(pipe, "unix:uid", 65_534);
        assertThatThrownBy(() -> CaptureFile.create(pipe))
                .isInstanceOf(IOException.class)
                .hasMessage("capture file " + pipe + " cannot be made: it belongs to user 65534; name another");
    }

    @Test
    void aCaptureOfNothingIsAFileAllTheSame() throws Exception {
        Path path = dir.resolve("b.pcap");
        CaptureFile.open(path, List.of(), 100, CLOCK).close();
        assertThat(records(Files.readAllBytes(path))).isEmpty();
    }

    @Test
    void aSymbolicLinkIsNotFollowed() throws Exception {
        Path other = Files.writeString(dir.resolve("other"), "another's");
        Path link = Files.createSymbolicLink(dir.resolve("link"), other);
        assertThatThrownBy(() -> CaptureFile.create(link))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("capture file " + link + " cannot be made: ")
                .hasMessageEndingWith("; name another");
        assertThat(Files.readString(other)).isEqualTo("another's");
    }

    @Test
    void aFullDiskEndsTheCaptureAndNothingElse() throws Exception {
        Path full = Path.of("/dev/full");
        BlockingQueue<String> said = new LinkedBlockingQueue<>();
        CaptureFile file = CaptureFile.open(full, List.of(), Pcap.MAX_SNAP_LENGTH, CLOCK);
        file.start(said::add);
        assertThat(said.poll(60, TimeUnit.SECONDS))
                .startsWith("capture file /dev/full has ended after 0 packets: ")
                .doesNotContain("\n");
        file.close();
    }
}
