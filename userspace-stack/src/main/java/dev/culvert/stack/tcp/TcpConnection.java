package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.time.TimerWheel;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One accepted connection: the state machine of RFC 9293 section 3.10.7.4 from SYN-RECEIVED on. It lives in the table
 * until TIME-WAIT (then a small record takes its place) or CLOSED, and may outlive its channel, as a kernel's connection
 * outlives its file descriptor.
 *
 * <p>{@link #receive} changes state and delivers; whatever is to be sent goes out in {@link #batchEnd}, once per batch,
 * but for what the peer must hear at once.
 */
final class TcpConnection extends FlowEntry {
    /** States of RFC 9293 section 3.3.2. TIME_WAIT and CLOSED are out of the table. */
    enum State {
        SYN_RECEIVED,
        ESTABLISHED,
        FIN_WAIT_1,
        FIN_WAIT_2,
        CLOSE_WAIT,
        CLOSING,
        LAST_ACK,
        TIME_WAIT,
        CLOSED
    }

    /** SYN+ACK goes out six times: 1, 2, 4, 8, 16 and 32 s apart, 63 s in all. */
    private static final int SYN_ACK_RETRIES = 5;
    /** RFC 5961 section 7 asks for a limit; it is per connection, for a shared one is a side channel (CVE-2016-5696). */
    private static final long CHALLENGE_SPACING = TimeUnit.MILLISECONDS.toNanos(100);
    /** RFC 7323 section 5.5: a connection that was idle for longer has no valid TS.Recent. */
    private static final long TIMESTAMP_VALIDITY = TimeUnit.DAYS.toNanos(24);
    /** RFC 7323 appendix A: two NOPs and the option. */
    private static final int TIMESTAMP_OPTION = 12;
    /** The least MSS that is believed, as in kernels: with less, headers outweigh data many times over. */
    private static final int MIN_MSS = 48;
    /** RFC 9293 section 3.7.1, MUST-15: without the option. */
    private static final int DEFAULT_MSS_IPV4 = 536;

    private static final int DEFAULT_MSS_IPV6 = 1220;

    private final TcpEndpoint endpoint;
    final Receiver receiver;
    final Sender sender;
    private final int irs;
    private final boolean scaling;
    private final boolean timestamps;
    private final boolean sack;
    private final int timestampOffset;

    private State state = State.SYN_RECEIVED;
    private @Nullable TcpFlow flow;
    private int recentTimestamp;
    private long recentTimestampAt;
    private long lastReceived;
    private long lastChallenge;
    private int synAckRetries;
    private int keepAliveProbes;
    private boolean ackPending;
    /** In the endpoint's list of connections that the current batch touched. */
    boolean touched;

    final TimerWheel.Timer retransmissionTimer = new TimerWheel.Timer() {
        @Override
        protected void expired() {
            retransmissionTimeout();
        }
    };
    private final TimerWheel.Timer lifeTimer = new TimerWheel.Timer() {
        @Override
        protected void expired() {
            lifeTimeout();
        }
    };

    TcpConnection(TcpEndpoint endpoint, PendingRequest request, TcpFlow flow) {
        super(request);
        long now = endpoint.now();
        int iss = endpoint.initialSequence(request, now);
        this.endpoint = endpoint;
        this.flow = flow;
        this.irs = request.irs;
        this.scaling = request.windowScale >= 0;
        this.timestamps = request.timestamps;
        this.sack = request.sackPermitted;
        this.timestampOffset = endpoint.timestampOffset(request);
        this.recentTimestamp = request.timestampValue;
        this.recentTimestampAt = now;
        this.lastReceived = now;
        this.lastChallenge = now - CHALLENGE_SPACING;
        int headers = (isIpv4() ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH) + Tcp.HEADER_LENGTH;
        int offered = request.mss != 0 ? request.mss : isIpv4() ? DEFAULT_MSS_IPV4 : DEFAULT_MSS_IPV6;
        int mss = Math.min(Math.max(offered, MIN_MSS), endpoint.config.mtu() - headers);
        int options = timestamps ? TIMESTAMP_OPTION : 0;
        this.receiver = new Receiver(endpoint, irs, scaling ? endpoint.receiveShift : -1, mss);
        this.sender = new Sender(this, endpoint, iss, request.windowScale, mss - options, headers + options);
    }

    State state() {
        return state;
    }

    boolean isOrphan() {
        return flow == null;
    }

    boolean sackPermitted() {
        return sack;
    }

    long lastReceived() {
        return lastReceived;
    }

    /** Whether it is out of the table, so that nothing can be sent or received. */
    boolean isGone() {
        return state == State.CLOSED || state == State.TIME_WAIT;
    }

    /** Our timestamp clock: milliseconds from an offset that is secret per connection (RFC 7323 section 7.1). */
    int timestamp(long now) {
        return (int) (now / 1_000_000) + timestampOffset;
    }

    /** Bytes that selective acknowledgements will take in the next segment. */
    int optionRoom() {
        return sack && receiver.hasOutOfOrder() ? 4 + 8 * OutOfOrderQueue.MAX_BLOCKS : 0;
    }

    // ---- Opening ----

    /** Sends SYN+ACK; again each time the timer fires. */
    void sendSynAck(long now) {
        SegmentWriter writer = endpoint.writer;
        writer.mss = endpoint.config.mtu() - (isIpv4() ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH) - Tcp.HEADER_LENGTH;
        writer.windowScale = scaling ? receiver.shift : -1;
        writer.sackPermitted = sack;
        writeTimestamps(writer, now);
        writer.write(this, Tcp.SYN | Tcp.ACK, sender.iss, receiver.next, receiver.synWindow());
        sender.next = sender.iss + 1;
        sender.max = sender.next;
        endpoint.output.scheduleFlush();
        endpoint.timers.arm(retransmissionTimer, now, sender.roundTripTime.timeout());
    }

    private void establish(Segment segment, long now) {
        state = State.ESTABLISHED;
        endpoint.counters.count(Counter.FLOWS_ESTABLISHED);
        endpoint.timers.cancel(retransmissionTimer);
        sender.roundTripTime.progress();
        if (synAckRetries > 0) {
            sender.roundTripTime.handshakeWasRetransmitted();
        }
        sender.established(segment, now);
        armKeepAlive(now, endpoint.config.keepAliveIdleNanos());
        TcpFlow established = flow;
        if (established != null) {
            established.fireEstablished();
        }
    }

    // ---- Segments in ----

    /** One segment of this connection, {@code segment} having been parsed from {@code packet}. */
    void receive(ByteBuf packet, Segment segment, long now) {
        if (state == State.SYN_RECEIVED && segment.has(Tcp.SYN) && segment.sequence == irs) {
            if (!segment.has(Tcp.RST | Tcp.ACK)) {
                endpoint.counters.count(Counter.SYN_RETRANSMITS_IN);
                sendSynAck(now);
                return;
            }
        }
        if (segment.has(Tcp.RST)) {
            receiveReset(segment, now);
            return;
        }
        if (!checkTimestamp(segment, now) || !trim(segment, now)) {
            return;
        }
        if (segment.has(Tcp.SYN)) {
            // RFC 5961 section 4.2: never a reset, for the SYN may be forged.
            challenge(now);
            return;
        }
        if (!segment.has(Tcp.ACK)) {
            endpoint.counters.count(Counter.DROPPED_NO_ACK);
            return;
        }
        if (state == State.SYN_RECEIVED) {
            if (segment.acknowledgment != sender.iss + 1) {
                endpoint.counters.count(Counter.RESETS_OUT);
                endpoint.writer.write(this, Tcp.RST, segment.acknowledgment, 0, 0);
                endpoint.output.scheduleFlush();
                return;
            }
            lastReceived = now;
            rememberTimestamp(segment, now);
            establish(segment, now);
            if (isGone()) {
                return;
            }
        } else {
            if (!sender.isPlausible(segment.acknowledgment)) {
                endpoint.counters.count(Counter.DROPPED_BAD_ACK);
                challenge(now);
                return;
            }
            lastReceived = now;
            keepAliveProbes = 0;
            rememberTimestamp(segment, now);
            sender.acknowledged(segment, now);
        }
        endpoint.touch(this);
        if (sender.finAcknowledged() && finAcknowledged(now)) {
            return;
        }
        receiveText(packet, segment, now);
    }

    /** RFC 9293 section 3.10.7.4, fifth step: the ACK of our FIN. Returns whether the connection is gone. */
    private boolean finAcknowledged(long now) {
        switch (state) {
            case FIN_WAIT_1 -> {
                state = State.FIN_WAIT_2;
                if (flow == null) {
                    endpoint.timers.arm(lifeTimer, now, endpoint.config.orphanTimeoutNanos());
                }
            }
            case CLOSING -> {
                enterTimeWait(now);
                return true;
            }
            case LAST_ACK -> {
                leave(State.CLOSED);
                return true;
            }
            default -> {
                // Acknowledged before.
            }
        }
        return false;
    }

    private void receiveText(ByteBuf packet, Segment segment, long now) {
        if (receiver.finished) {
            return;
        }
        if (segment.has(Tcp.FIN)) {
            receiver.fin(segment.sequence + segment.payloadLength);
        }
        if (segment.payloadLength > 0) {
            TcpFlow reader = flow;
            if (reader == null) {
                // RFC 9293 section 3.6.1, RFC 1122 section 4.2.2.13: data that nobody will ever read.
                abort();
                return;
            }
            endpoint.counters.add(Counter.BYTES_IN, segment.payloadLength);
            ackPending = true;
            if (!receiver.accept(packet, segment, reader) && !isGone()) {
                acknowledge();
            }
        }
        if (!isGone() && receiver.takeFin()) {
            receivedFin(now);
        } else if (segment.has(Tcp.FIN) && !isGone() && !receiver.finished) {
            acknowledge();
        }
    }

    private void receivedFin(long now) {
        ackPending = true;
        switch (state) {
            case ESTABLISHED -> state = State.CLOSE_WAIT;
            case FIN_WAIT_1 -> state = State.CLOSING;
            case FIN_WAIT_2 -> enterTimeWait(now);
            default -> {
                // In the other states the FIN was seen before.
            }
        }
    }

    /**
     * The acceptability test of RFC 9293 section 3.10.7.4, first step, and trimming to the window.
     *
     * @return false if there is nothing to process; the answer has been sent then
     */
    private boolean trim(Segment segment, long now) {
        int start = segment.sequence;
        int length = segment.length();
        int next = receiver.next;
        int edge = receiver.edge;
        if (length == 0) {
            // A segment right of a full window carries SND.NXT, which lies just beyond; it is a valid acknowledgement.
            if (Sequence.before(start, next) || Sequence.after(start, edge)) {
                endpoint.counters.count(Counter.DROPPED_UNACCEPTABLE);
                challenge(now);
                return false;
            }
            return true;
        }
        int end = start + length;
        if (!Sequence.after(end, next) || Sequence.after(start, edge)) {
            endpoint.counters.count(
                    Sequence.after(end, next) ? Counter.DROPPED_UNACCEPTABLE : Counter.DUPLICATE_SEGMENTS);
            if (state == State.SYN_RECEIVED) {
                challenge(now);
            } else {
                acknowledge();
            }
            return false;
        }
        if (Sequence.before(start, next)) {
            int skip = next - start;
            if (segment.has(Tcp.SYN)) {
                segment.flags &= ~Tcp.SYN;
                segment.sequence++;
                skip--;
            }
            segment.trimFront(skip);
            ackPending = true;
        }
        int over = end - edge;
        if (over > 0) {
            // A probe of a closed window ends here without payload: its ACK counts, and it gets one (section 3.8.6.1).
            if (segment.has(Tcp.FIN)) {
                segment.flags &= ~Tcp.FIN;
                over--;
            }
            segment.payloadLength = Math.max(0, segment.payloadLength - over);
            ackPending = true;
            endpoint.touch(this);
        }
        return true;
    }

    /** RFC 5961 section 3.2: only the exact sequence number resets; anything else in the window is challenged. */
    private void receiveReset(Segment segment, long now) {
        if (segment.sequence == receiver.next) {
            endpoint.counters.count(Counter.RESETS_IN);
            fail(new IOException("Connection reset by peer: " + flowName()));
        } else if (!Sequence.before(segment.sequence, receiver.next)
                && Sequence.before(segment.sequence, receiver.edge)) {
            challenge(now);
        } else {
            endpoint.counters.count(Counter.DROPPED_UNACCEPTABLE);
        }
    }

    /** PAWS: RFC 7323 section 5.3, R1. */
    private boolean checkTimestamp(Segment segment, long now) {
        if (!timestamps) {
            return true;
        }
        if (!segment.timestamps) {
            endpoint.counters.count(Counter.DROPPED_NO_TIMESTAMP);
            return false;
        }
        if (Sequence.before(segment.timestampValue, recentTimestamp) && now - recentTimestampAt < TIMESTAMP_VALIDITY) {
            endpoint.counters.count(Counter.DROPPED_PAWS);
            if (segment.length() > 0) {
                acknowledge();
            } else {
                challenge(now);
            }
            return false;
        }
        return true;
    }

    /** RFC 7323 section 4.3 (2). */
    private void rememberTimestamp(Segment segment, long now) {
        if (timestamps && !Sequence.after(segment.sequence, receiver.lastAckSent)) {
            recentTimestamp = segment.timestampValue;
            recentTimestampAt = now;
        }
    }

    /** An ACK in answer to something odd, at most one per {@link #CHALLENGE_SPACING}. */
    private void challenge(long now) {
        if (now - lastChallenge < CHALLENGE_SPACING) {
            return;
        }
        lastChallenge = now;
        endpoint.counters.count(Counter.CHALLENGE_ACKS);
        acknowledge();
    }

    // ---- Segments out ----

    /** The batch that touched this connection is over: tell the application, send what may be sent, acknowledge. */
    void batchEnd(long now) {
        TcpFlow reader = flow;
        if (reader != null) {
            reader.inputBatchEnd();
            if (!isGone()) {
                reader.sendMore();
            }
        }
        if (isGone()) {
            return;
        }
        if (state != State.SYN_RECEIVED) {
            sender.output(now);
        }
        if (ackPending) {
            acknowledge();
        }
    }

    /** Sends what the queue and the windows allow. */
    void output() {
        if (!isGone() && state != State.SYN_RECEIVED) {
            sender.output(endpoint.now());
        }
    }

    /** A pure ACK, now. */
    void acknowledge() {
        transmit(Tcp.ACK, sender.next, 0);
    }

    /** A segment of this connection with what every segment carries: ACK, window, timestamps, selective acknowledgements. */
    void transmit(int flags, int sequence, int length) {
        SegmentWriter writer = endpoint.writer;
        int segmentSize = sender.mss;
        writeTimestamps(writer, endpoint.now());
        OutOfOrderQueue early = receiver.outOfOrder();
        if (sack && early != null && !early.isEmpty()) {
            writer.sackBlocks = early.blocks(OutOfOrderQueue.MAX_BLOCKS, writer.sackLeft, writer.sackRight);
            if (length > 0) {
                segmentSize = Math.max(8, segmentSize - 4 - 8 * writer.sackBlocks);
            }
        }
        ackPending = false;
        int window = receiver.window();
        receiver.lastAckSent = receiver.next;
        writer.write(
                this, flags, sequence, receiver.next, window, length > 0 ? sender.queue : null, length, segmentSize);
        endpoint.output.scheduleFlush();
    }

    private void writeTimestamps(SegmentWriter writer, long now) {
        if (timestamps) {
            writer.timestamps = true;
            writer.timestampValue = timestamp(now);
            writer.timestampEcho = recentTimestamp;
        }
    }

    /** The application has read: tell a peer that was waiting for window. */
    void inputRead() {
        if (!isGone() && state != State.SYN_RECEIVED && !receiver.finished && receiver.windowUpdateDue()) {
            acknowledge();
        }
    }

    // ---- Timers ----

    private void retransmissionTimeout() {
        long now = endpoint.now();
        if (state == State.SYN_RECEIVED) {
            if (++synAckRetries > SYN_ACK_RETRIES) {
                timedOut("handshake not completed after " + SYN_ACK_RETRIES + " retransmissions");
                return;
            }
            endpoint.counters.count(Counter.RETRANSMITTED_SEGMENTS);
            sender.roundTripTime.backOff();
            sendSynAck(now);
        } else if (!isGone() && !sender.timeout(now)) {
            timedOut("no acknowledgement for " + TimeUnit.NANOSECONDS.toSeconds(endpoint.config.userTimeoutNanos())
                    + " s");
        }
    }

    private void armKeepAlive(long now, long delay) {
        if (endpoint.config.keepAliveIdleNanos() > 0) {
            endpoint.timers.arm(lifeTimer, now, delay);
        }
    }

    /** Keep-alive (RFC 9293 section 3.8.4), or the end of a FIN-WAIT-2 that nobody holds any more. */
    private void lifeTimeout() {
        if (isGone()) {
            return;
        }
        if (state == State.FIN_WAIT_2 && flow == null) {
            leave(State.CLOSED);
            return;
        }
        long now = endpoint.now();
        TcpConfig config = endpoint.config;
        long idle = now - lastReceived;
        if (sender.inFlight() > 0 || idle < config.keepAliveIdleNanos()) {
            // Data in flight is its own probe. The timer was not moved with each segment, so it may be early.
            armKeepAlive(now, Math.max(config.keepAliveIdleNanos() - idle, config.keepAliveIntervalNanos()));
            return;
        }
        if (keepAliveProbes >= config.keepAliveProbes()) {
            timedOut("no answer to " + keepAliveProbes + " keep-alive probes");
            return;
        }
        keepAliveProbes++;
        endpoint.counters.count(Counter.KEEPALIVE_PROBES);
        transmit(Tcp.ACK, sender.una - 1, 0);
        armKeepAlive(now, config.keepAliveIntervalNanos());
    }

    /** As kernels do, a peer that was connected is told, should it only have been unreachable for a while. */
    private void timedOut(String why) {
        endpoint.counters.count(Counter.FLOWS_TIMED_OUT);
        if (state != State.SYN_RECEIVED) {
            sendReset();
        }
        fail(new IOException("Connection timed out: " + flowName() + ", " + why));
    }

    // ---- ICMP ----

    /** The path to the peer has a smaller MTU (RFC 1191, RFC 8201); a forged one is told by its sequence number. */
    void packetTooBig(int sequence, int mtu) {
        int headers = isIpv4() ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH;
        int smaller = mtu - headers - Tcp.HEADER_LENGTH - (timestamps ? TIMESTAMP_OPTION : 0);
        if (!isGone() && state != State.SYN_RECEIVED && smaller >= MIN_MSS && sender.isOutstanding(sequence)) {
            sender.reduceMss(smaller, endpoint.now());
        }
    }

    // ---- Closing ----

    /** Our FIN has gone out. */
    void finSent() {
        if (state == State.ESTABLISHED) {
            state = State.FIN_WAIT_1;
        } else if (state == State.CLOSE_WAIT) {
            state = State.LAST_ACK;
        }
    }

    /** The application will write no more: FIN follows what is queued. */
    void shutdownOutput() {
        if (!isGone() && !sender.finQueued()) {
            sender.queueFin();
            output();
        }
    }

    /**
     * The channel is closed. The queue and a FIN are still to go out, unless there is received data that nobody will read,
     * or the application wants no lingering: then it is a reset.
     */
    void channelClosed(boolean reset) {
        flow = null;
        boolean unread = receiver.queued() > 0 || receiver.hasOutOfOrder();
        receiver.clear();
        if (isGone()) {
            return;
        }
        if (reset || unread) {
            abort();
            return;
        }
        long now = endpoint.now();
        sender.orphaned(now);
        if (state == State.FIN_WAIT_2) {
            endpoint.timers.arm(lifeTimer, now, endpoint.config.orphanTimeoutNanos());
        }
        shutdownOutput();
    }

    /** Sends a reset and forgets the connection; the channel, if any, is told. */
    void abort() {
        sendReset();
        fail(new IOException("Connection aborted: " + flowName()));
    }

    private void sendReset() {
        endpoint.counters.count(Counter.RESETS_OUT);
        writeTimestamps(endpoint.writer, endpoint.now());
        endpoint.writer.write(this, Tcp.RST | Tcp.ACK, sender.max, receiver.next, 0);
        endpoint.output.scheduleFlush();
    }

    /** The endpoint is closing: the channel closes too, and nobody can be told anything. */
    void discard() {
        TcpFlow held = flow;
        flow = null;
        leave(State.CLOSED);
        receiver.clear();
        if (held != null) {
            held.unsafe().close(held.unsafe().voidPromise());
        }
    }

    /** Ends the connection without a word to the peer. */
    void fail(IOException cause) {
        TcpFlow failed = flow;
        flow = null;
        leave(State.CLOSED);
        receiver.clear();
        if (failed != null) {
            failed.fireFailure(cause);
        }
    }

    private void enterTimeWait(long now) {
        acknowledge();
        TimeWait wait =
                new TimeWait(this, endpoint, sender.max, receiver.next, timestamps, timestampOffset, recentTimestamp);
        release(State.TIME_WAIT);
        endpoint.timeWait(this, wait, now);
    }

    private void leave(State last) {
        release(last);
        endpoint.remove(this);
    }

    private void release(State last) {
        state = last;
        ackPending = false;
        endpoint.timers.remove(retransmissionTimer);
        endpoint.timers.remove(lifeTimer);
        sender.queue.clear();
    }

    private String flowName() {
        return remote() + " -> " + local();
    }
}
