package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PrimitiveIterator;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * A seeded network between the endpoint and a TCP of the test's own (written apart from the code under test): loss,
 * reordering, duplication, delay, tiny windows, slow readers, both directions at once. Every byte has to arrive in order,
 * both sides have to close, and nothing may be left: no connection, no timer, no byte of memory.
 */
class TcpSimulationTest {
    /** 10,000 take well under a minute of one core. */
    private static final int SEEDS = Integer.getInteger("culvert.tcp.seeds", 2_000);

    /** Seeds that once found something, one a line, replayed always. */
    private static final String KEPT = "kept-seeds.txt";
    /** With so many failures the cause is not in the seeds. */
    private static final int MAX_FAILURES = 5;

    private static final long FIRST_SEED = Long.getLong("culvert.tcp.seed", 1);
    private static final int TIME_LIMIT_MILLIS = 900_000;

    @Test
    void everyByteArrivesInOrderWhateverTheNetworkDoes() {
        run(LongStream.range(FIRST_SEED, FIRST_SEED + SEEDS));
    }

    @Test
    void keptSeedsStayGood() throws IOException {
        try (InputStream kept = Objects.requireNonNull(getClass().getResourceAsStream(KEPT), KEPT)) {
            run(new String(kept.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .filter(line -> !line.isBlank() && line.charAt(0) != '#')
                    .mapToLong(Long::parseLong));
        }
    }

    private static void run(LongStream seeds) {
        List<String> failures = new ArrayList<>();
        for (PrimitiveIterator.OfLong i = seeds.iterator(); i.hasNext() && failures.size() < MAX_FAILURES; ) {
            long seed = i.nextLong();
            try {
                new Simulation(seed).run();
            } catch (AssertionError | RuntimeException e) {
                failures.add("seed=" + seed + " (-Dculvert.tcp.seeds=1 -Dculvert.tcp.seed=" + seed + "): " + e);
                if (failures.size() == 1) {
                    e.printStackTrace();
                }
            }
        }
        assertThat(failures).as("seeds that fail; keep them in " + KEPT).isEmpty();
    }

    private record InFlight(long at, long order, Runnable arrival) implements Comparable<InFlight> {
        @Override
        public int compareTo(InFlight o) {
            return at != o.at ? Long.compare(at, o.at) : Long.compare(order, o.order);
        }
    }

    /** Nothing at times, now and then more than any window, and mostly what is enough for all that can go wrong. */
    private static byte[] stream(Random random) {
        int most = random.nextInt(16) == 0 ? 150_000 : 25_000;
        byte[] bytes = new byte[random.nextInt(4) == 0 ? 0 : random.nextInt(most)];
        int mix = random.nextInt() | 1;
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) ((i * mix) >>> 13);
        }
        return bytes;
    }

    private static final class Simulation {
        final Random random;
        final Wire wire;
        final PriorityQueue<InFlight> network = new PriorityQueue<>();
        final double loss;
        final double duplication;
        final int jitter;
        final int delay;
        long order;
        long clock;
        int endpointScale;
        int endpointEdge;
        final Peer peer;
        final Server server;

        Simulation(long seed) {
            random = new Random(seed);
            int buffer = random.nextInt(3) == 0 ? 2048 + random.nextInt(6000) : 256 << 10;
            TcpConfig.Builder config = TcpConfig.builder()
                    .receiveBuffer(buffer, Math.max(buffer, 1 << 20))
                    // Longer than a peer can fail to get its FIN through, or its retransmission would be reset.
                    .timeWait(Duration.ofSeconds(60), 16);
            if (random.nextBoolean()) {
                config.congestionControl(NewReno::new);
            }
            wire = new Wire(config);
            wire.ipv6 = random.nextInt(4) == 0;
            boolean clean = random.nextInt(5) == 0;
            loss = clean ? 0 : random.nextDouble() * 0.15;
            duplication = clean ? 0 : random.nextDouble() * 0.05;
            jitter = clean ? 0 : random.nextInt(30);
            delay = random.nextInt(20);
            peer = new Peer(this);
            server = new Server(this);
            wire.tap = this::fromEndpoint;
        }

        void run() {
            peer.start();
            while (!(peer.done() && server.done()) && clock < TIME_LIMIT_MILLIS) {
                step();
            }
            assertThat(server.failure).as("endpoint's failure").isNull();
            assertThat(peer.resetAt).as("reset at").isEqualTo(-1);
            assertThat(server.received.toByteArray()).as("peer to endpoint").isEqualTo(peer.toSend);
            assertThat(peer.received.toByteArray()).as("endpoint to peer").isEqualTo(server.toSend);
            assertThat(clock).as("milliseconds").isLessThan(TIME_LIMIT_MILLIS);
            // Long enough for the last FIN to be acknowledged over a bad network, and for TIME-WAIT.
            long end = clock + 200_000;
            while (clock < end
                    && !(wire.count(TcpCounters.Counter.OPEN) == 0 && wire.count(TcpCounters.Counter.TIME_WAIT) == 0)) {
                step();
            }
            wire.expectEmpty();
            network.clear();
            wire.close();
        }

        void step() {
            // With nothing under way only timers matter, and those are tens of milliseconds away.
            int time = !network.isEmpty() ? 5 : peer.done() && server.done() ? 200 : 20;
            clock += time;
            wire.advance(time, TimeUnit.MILLISECONDS);
            boolean any = false;
            while (!network.isEmpty() && network.peek().at <= clock) {
                network.poll().arrival.run();
                any = true;
                if (random.nextInt(3) == 0) {
                    wire.endBatch();
                }
            }
            if (any) {
                wire.endBatch();
            }
            peer.tick();
            server.tick();
            wire.channel.runPendingTasks();
        }

        void transport(Runnable arrival) {
            if (random.nextDouble() < loss) {
                return;
            }
            int copies = random.nextDouble() < duplication ? 2 : 1;
            for (int i = 0; i < copies; i++) {
                long at = clock + delay + (jitter == 0 ? 0 : random.nextInt(jitter));
                network.add(new InFlight(at, order++, arrival));
            }
        }

        /** In the order of sending: the right edge stays or moves right, and nothing but a probe is sent beyond the peer's. */
        void checkWindows(Wire.Sent s) {
            if ((s.flags & Tcp.RST) != 0) {
                return;
            }
            if ((s.flags & Tcp.SYN) != 0) {
                endpointScale = Math.max(0, s.windowScale);
                endpointEdge = s.ack + s.window;
                return;
            }
            int edge = s.ack + (s.window << endpointScale);
            if (s.ack != peer.end()) {
                // Before the peer's FIN there has to be a window. Scaled ones can be told in steps only.
                assertThat(edge - endpointEdge).as("move of the right edge").isGreaterThan(-(1 << endpointScale));
            }
            endpointEdge = edge - endpointEdge > 0 ? edge : endpointEdge;
            int end = s.seq + s.payload.length;
            assertThat(end - peer.offeredEdge).as("bytes beyond the window").isLessThanOrEqualTo(1);
        }

        /** The device cuts super-segments; each piece has its own fate. */
        void fromEndpoint(Wire.Sent s) {
            checkWindows(s);
            if (s.gsoSize == 0) {
                transport(() -> peer.receive(s, s.seq, s.payload, s.flags));
                return;
            }
            for (int at = 0; at < s.payload.length; at += s.gsoSize) {
                int end = Math.min(s.payload.length, at + s.gsoSize);
                byte[] piece = Arrays.copyOfRange(s.payload, at, end);
                int seq = s.seq + at;
                boolean last = end == s.payload.length;
                int flags = last ? s.flags : s.flags & ~(Tcp.FIN | Tcp.PSH);
                assertThat(piece.length).isLessThanOrEqualTo(peer.mss);
                transport(() -> peer.receive(s, seq, piece, flags));
            }
        }
    }

    /** The application behind the endpoint: sends random chunks, reads at times, shuts down when it has sent all. */
    private static final class Server extends ChannelInboundHandlerAdapter {
        final Simulation sim;
        final byte[] toSend;
        final ByteArrayOutputStream received = new ByteArrayOutputStream();
        final boolean slow;

        @SuppressWarnings("NullAway.Init")
        TcpFlow flow;

        int written;
        boolean shut;
        boolean sawEnd;

        @Nullable
        Throwable failure;

        Server(Simulation sim) {
            this.sim = sim;
            toSend = stream(sim.random);
            slow = sim.random.nextInt(3) == 0;
        }

        boolean done() {
            return shut && sawEnd && !flow.isOpen();
        }

        void tick() {
            if (flow == null) {
                if (!sim.wire.requests.isEmpty()) {
                    TcpRequest request = sim.wire.requests.remove(0);
                    flow = request.accept(this);
                }
                return;
            }
            if (!flow.isActive()) {
                return;
            }
            if (slow) {
                flow.config().setAutoRead(sim.random.nextInt(4) == 0);
            }
            while (written < toSend.length && flow.isWritable()) {
                int n = Math.min(toSend.length - written, 1 + sim.random.nextInt(20_000));
                ByteBuf b = sim.random.nextBoolean()
                        ? sim.wire.alloc().directBuffer(n)
                        : sim.wire.alloc().heapBuffer(n);
                flow.write(b.writeBytes(toSend, written, n));
                written += n;
                if (sim.random.nextBoolean()) {
                    flow.flush();
                }
            }
            flow.flush();
            if (written == toSend.length && !shut) {
                shut = true;
                flow.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(done -> flow.shutdownOutput());
            }
            if (shut && sawEnd && flow.isOutputShutdown()) {
                flow.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf b = (ByteBuf) msg;
            byte[] bytes = new byte[b.readableBytes()];
            b.readBytes(bytes);
            received.writeBytes(bytes);
            b.release();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object evt) {
            if (evt == ChannelInputShutdownEvent.INSTANCE) {
                sawEnd = true;
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            failure = cause;
        }
    }

    /** A TCP client, simple and strict: go-back-N sender with a timer, reassembling receiver with SACK. */
    private static final class Peer {
        final Simulation sim;
        final byte[] toSend;
        final ByteArrayOutputStream received = new ByteArrayOutputStream();
        final TreeMap<Integer, byte[]> early = new TreeMap<>();
        final int iss;
        final int mss;
        final int scale;
        final boolean sack;
        final int window;
        final boolean slow;
        int unread;
        boolean synAcked;
        int irs;
        int una;
        int next;
        int peerWindow;
        int peerScale;
        long timer = Long.MAX_VALUE;
        int rto = 250;
        boolean finAcked;
        boolean finReceived;
        int finAt = -1;
        int resetAt = -1;
        int lastWindow = -1;
        /** The farthest that was offered; the endpoint may not have heard of it yet. */
        int offeredEdge;

        boolean offered;

        Peer(Simulation sim) {
            this.sim = sim;
            Random r = sim.random;
            toSend = stream(r);
            // Often close to the wrap of sequence numbers.
            iss = r.nextBoolean() ? -r.nextInt(50_000) : r.nextInt();
            mss = r.nextInt(3) == 0 ? 100 + r.nextInt(500) : 1400;
            scale = r.nextInt(3) - 1;
            sack = r.nextBoolean();
            window = r.nextInt(3) == 0 ? 200 + r.nextInt(3000) : 20_000 + r.nextInt(40_000);
            slow = r.nextInt(3) == 0;
            sim.wire.peerTimestamps = r.nextBoolean();
        }

        void start() {
            una = iss;
            sendSyn();
        }

        boolean done() {
            return finAcked && finReceived && sim.wire.requests.isEmpty();
        }

        void sendSyn() {
            List<String> options = new ArrayList<>(List.of("mss=" + mss));
            if (scale >= 0) {
                options.add("ws=" + scale);
            }
            if (sack) {
                options.add("sackok");
            }
            sim.wire.peerWindow = Math.min(0xffff, window);
            out(Tcp.SYN, iss, 0, new byte[0], options);
            timer = sim.clock + rto;
        }

        int windowField() {
            int free = Math.max(0, window - unread);
            return Math.min(0xffff, free >> Math.max(scale, 0));
        }

        void out(int flags, int seq, int ack, byte[] payload, List<String> options) {
            ByteBuf packet = sim.wire.packet(flags, seq, ack, payload, options.toArray(String[]::new));
            byte[] bytes = new byte[packet.readableBytes()];
            packet.readBytes(bytes);
            packet.release();
            sim.transport(() -> {
                // Exactly as large as the packet, or so large that the payload counts as small in it.
                ByteBuf copy = sim.wire.alloc().directBuffer(sim.order % 2 == 0 ? bytes.length : 5 * bytes.length);
                copy.writeBytes(bytes);
                sim.wire.receive(copy);
                copy.release();
            });
        }

        void segment(int flags, int seq, byte[] payload) {
            List<String> options = new ArrayList<>();
            if (sack && !early.isEmpty()) {
                options.add("sack=" + islands());
            }
            sim.wire.peerWindow = windowField();
            lastWindow = sim.wire.peerWindow;
            int edge = rcvNext() + (lastWindow << Math.max(scale, 0));
            if (!offered || edge - offeredEdge > 0) {
                offered = true;
                offeredEdge = edge;
            }
            out(flags | Tcp.ACK, seq, rcvNext(), payload, options);
        }

        /** Up to three islands of what has come early, any of them first. */
        String islands() {
            List<String> all = new ArrayList<>();
            int left = 0;
            int right = -1;
            for (Map.Entry<Integer, byte[]> e : early.entrySet()) {
                int end = e.getKey() + e.getValue().length;
                if (right >= 0 && e.getKey() <= right) {
                    right = Math.max(right, end);
                    continue;
                }
                if (right >= 0) {
                    all.add(island(left, right));
                }
                left = e.getKey();
                right = end;
            }
            all.add(island(left, right));
            int from = sim.random.nextInt(all.size());
            return String.join(",", all.subList(from, Math.min(all.size(), from + 3)));
        }

        String island(int left, int right) {
            return Integer.toUnsignedString(irs + 1 + left) + "-" + Integer.toUnsignedString(irs + 1 + right);
        }

        int rcvNext() {
            return irs + 1 + received.size() + (finReceived ? 1 : 0);
        }

        int end() {
            return iss + 1 + toSend.length + 1;
        }

        void pump() {
            int limit = una + peerWindow;
            while (next - end() < 0 && next - limit < 0) {
                int offset = next - iss - 1;
                int n = Math.min(toSend.length - offset, limit - next);
                n = Math.min(n, sim.random.nextInt(8) == 0 ? 20_000 : 1 + sim.random.nextInt(mss));
                boolean fin = offset + n == toSend.length && next + n - limit < 0;
                segment(fin ? Tcp.FIN | Tcp.PSH : Tcp.PSH, next, Arrays.copyOfRange(toSend, offset, offset + n));
                next += n + (fin ? 1 : 0);
                if (timer == Long.MAX_VALUE) {
                    timer = sim.clock + rto;
                }
            }
            if (timer == Long.MAX_VALUE && una != end()) {
                timer = sim.clock + rto;
            }
        }

        void tick() {
            if (slow) {
                int read = Math.min(unread, sim.random.nextInt(2000));
                unread -= read;
            } else {
                unread = 0;
            }
            if (synAcked && !done() && windowField() > lastWindow && lastWindow < 1500 >> Math.max(scale, 0)) {
                segment(0, next, new byte[0]);
            }
            if (sim.clock < timer) {
                return;
            }
            rto = Math.min(2000, rto * 2);
            if (!synAcked) {
                sendSyn();
                return;
            }
            timer = Long.MAX_VALUE;
            if (una == end()) {
                return;
            }
            next = una;
            if (peerWindow == 0) {
                // A window probe: one byte beyond the edge.
                int offset = una - iss - 1;
                byte[] one = offset < toSend.length ? new byte[] {toSend[offset]} : new byte[0];
                segment(one.length == 0 ? Tcp.FIN : 0, una, one);
                timer = sim.clock + rto;
            } else {
                pump();
            }
        }

        void receive(Wire.Sent s, int seq, byte[] payload, int flags) {
            if ((flags & Tcp.RST) != 0) {
                if (!(finAcked && finReceived)) {
                    resetAt = (int) sim.clock;
                }
                return;
            }
            if ((flags & Tcp.SYN) != 0) {
                if (!synAcked) {
                    synAcked = true;
                    irs = seq;
                    una = iss + 1;
                    next = una;
                    peerScale = scale >= 0 && s.windowScale >= 0 ? s.windowScale : 0;
                    assertThat(s.windowScale >= 0).isEqualTo(scale >= 0);
                    peerWindow = s.window;
                    rto = 250;
                    timer = Long.MAX_VALUE;
                }
                segment(0, next, new byte[0]);
                pump();
                return;
            }
            if (!synAcked) {
                return;
            }
            assertThat(s.ack - (iss + 1 + toSend.length + 1))
                    .as("acknowledges what exists")
                    .isLessThanOrEqualTo(0);
            if (s.ack - una >= 0) {
                if (s.ack != una) {
                    una = s.ack;
                    rto = 250;
                    timer = una == next ? Long.MAX_VALUE : sim.clock + rto;
                    if (next - una < 0) {
                        next = una;
                    }
                    finAcked = una == end();
                }
                peerWindow = s.window << peerScale;
            }
            int offset = seq - irs - 1;
            boolean fin = (flags & Tcp.FIN) != 0;
            if (fin) {
                finAt = offset + payload.length;
            }
            boolean answer = payload.length > 0 || fin || offset < received.size();
            if (payload.length > 0) {
                store(offset, payload);
            }
            if (!finReceived && finAt == received.size()) {
                finReceived = true;
            }
            if (answer) {
                segment(0, next, new byte[0]);
            }
            pump();
        }

        void store(int offset, byte[] payload) {
            if (offset + payload.length <= received.size()) {
                return;
            }
            int free = window - unread;
            if (offset > received.size()) {
                if (offset + payload.length - received.size() <= free) {
                    early.merge(offset, payload, (a, b) -> a.length >= b.length ? a : b);
                }
                return;
            }
            append(offset, payload, free);
            while (!early.isEmpty() && early.firstKey() <= received.size()) {
                Map.Entry<Integer, byte[]> next = early.pollFirstEntry();
                append(next.getKey(), next.getValue(), window - unread);
            }
        }

        void append(int offset, byte[] payload, int free) {
            int skip = received.size() - offset;
            int n = Math.min(payload.length - skip, Math.max(0, free));
            if (n > 0) {
                received.write(payload, skip, n);
                unread += n;
            }
        }
    }
}
