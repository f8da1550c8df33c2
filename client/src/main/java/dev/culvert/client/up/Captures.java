package dev.culvert.client.up;

import dev.culvert.client.uplink.Voice;
import dev.culvert.command.control.Questions;
import dev.culvert.tun.capture.CaptureFile;
import dev.culvert.tun.capture.PacketCapture;
import dev.culvert.tun.capture.PacketFilter;
import dev.culvert.tun.capture.Pcap;
import io.netty.channel.Channel;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Who looks at the packets of the interface, and how they are asked for on the control socket. Any thread. */
final class Captures {
    /** At once; each costs the event loop a look at every packet. */
    static final int MOST = 4;

    /** A loop's turn is some milliseconds; this is one that does not come. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Of a question. */
    private static final int MOST_FILTERS = 64;

    private final Channel tun;
    private final Clock clock;
    private final Map<Integer, PacketCapture> running = new ConcurrentHashMap<>();
    private final AtomicInteger last = new AtomicInteger();

    Captures(Channel tun, Clock clock) {
        this.tun = tun;
        this.clock = clock;
    }

    /**
     * The packets that pass are copied from now on.
     *
     * @return by which it is ended
     * @throws IOException if there are {@value #MOST} already
     */
    int begin(PacketCapture capture) throws IOException {
        synchronized (running) {
            if (running.size() >= MOST) {
                throw new IOException(MOST + " captures run already; end one of them");
            }
            int id = last.incrementAndGet();
            running.put(id, capture);
            tun.pipeline().addFirst(capture);
            return id;
        }
    }

    /** Writes all packets into a file, until it is full or this is done with. */
    void begin(CaptureFile file, Voice voice) throws IOException {
        int id = begin(file.capture());
        file.start(line -> {
            end(id);
            voice.say(line);
        });
    }

    /**
     * No more of them; harmless when it has ended.
     *
     * @return it, which {@link PacketCapture#ended ends} soon; null when it had ended
     */
    @Nullable
    PacketCapture end(int id) {
        PacketCapture capture = running.remove(id);
        if (capture != null && tun.pipeline().context(capture) != null) {
            tun.pipeline().remove(capture);
        }
        return capture;
    }

    void addTo(Questions questions) {
        questions.add("capture", "packets of the interface, as pcap behind the answer", this::capture);
        questions.add(
                "capture-end",
                "ends a capture, which then says what it still has: how many packets it has taken, and how many of them were dropped",
                this::endAsked);
    }

    private Object capture(JsonNode with) throws IOException {
        List<PacketFilter> filters = new ArrayList<>();
        if (with.path("flows").size() > MOST_FILTERS) {
            throw new IOException("a capture has at most " + MOST_FILTERS + " filters");
        }
        try {
            for (JsonNode flow : with.path("flows")) {
                filters.add(PacketFilter.parse(flow.asString("")));
            }
        } catch (IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        }
        int length = with.path("length").asInt(Pcap.MAX_SNAP_LENGTH);
        if (length < Pcap.MIN_SNAP_LENGTH || length > Pcap.MAX_SNAP_LENGTH) {
            throw new IOException("of a packet " + Pcap.MIN_SNAP_LENGTH + " to " + Pcap.MAX_SNAP_LENGTH
                    + " bytes can be kept, not " + length);
        }
        return new Watched(filters, length);
    }

    /** @param taken by the capture, those that were dropped among them */
    record Counts(long taken, long dropped) {}

    private Object endAsked(JsonNode with) throws IOException {
        PacketCapture capture = end(with.path("capture").asInt(0));
        if (capture == null) {
            throw new IOException("there is no such capture, or none any more");
        }
        try {
            capture.ended().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("the capture has not ended within " + PATIENCE.toSeconds() + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the client is going down");
        }
        return new Counts(capture.packets(), capture.dropped());
    }

    /** One who is told of packets as they pass. */
    private final class Watched implements Questions.Stream {
        private final PacketCapture capture;
        private final int id;
        private volatile @Nullable Runnable readable;
        private boolean begun;

        Watched(List<PacketFilter> filters, int length) throws IOException {
            this.capture = new PacketCapture(filters, length, clock, this::filled);
            this.id = begin(capture);
        }

        @Override
        public Object answer() {
            return Map.of("capture", id);
        }

        @Override
        public void start(Runnable told) {
            readable = told;
        }

        private void filled() {
            Runnable told = readable;
            if (told != null) { // else it is asked when it starts
                told.run();
            }
        }

        @Override
        public byte @Nullable [] poll() {
            if (!begun) {
                begun = true;
                return capture.header();
            }
            return capture.poll();
        }

        @Override
        public boolean isLast() {
            return capture.ended().isDone();
        }

        @Override
        public void close() {
            end(id);
        }
    }
}
