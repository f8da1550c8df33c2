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

    /**
     * The least MTU that an ICMP error makes us believe, as kernels have it: an IPv4 link that carries less hardly exists, and
     * a forger would have headers outweigh the data (RFC 5927 section 7). RFC 791 has hosts take 576 bytes.
     */
    static final int MIN_PATH_MTU_IPV4 = 552;

    private final TcpEndpoint endpoint;
    final Receiver receiver;
    final Sender sender;
    final Handshake handshake;
    final Timestamps timestamps;
    final Acceptability acceptability;

    private State state = State.SYN_RECEIVED;
    private @Nullable TcpFlow flow;
    private long lastReceived;
    /** Type and code of the last ICMP error about a segment in flight, -1 for none. */
    private int softError = -1;

    private boolean ackPending;
    /** In the endpoint's list of connections that the current batch touched. */
    boolean touched;

    final TimerWheel.Timer retransmissionTimer = new TimerWheel.Timer() {
        @Override
        protected void expired() {
            retransmissionTimeout();
        }
    };
    private final LifeTimer lifeTimer;

    TcpConnection(TcpEndpoint endpoint, PendingRequest request, TcpFlow flow) {
        super(request);
        long now = endpoint.now();
        int iss = endpoint.initialSequence(request, now);
        this.endpoint = endpoint;
        this.flow = flow;
        this.handshake = new Handshake(this, endpoint, request);
        this.timestamps = new Timestamps(request, endpoint.timestampOffset(request), now);
        this.lifeTimer = new LifeTimer(this, endpoint);
        this.lastReceived = now;
        int mss = handshake.mss();
        int options = timestamps.enabled ? Timestamps.OPTION_LENGTH : 0;
        this.receiver = new Receiver(endpoint, request.irs, handshake.scaling ? endpoint.receiveShift : -1, mss);
        this.acceptability = new Acceptability(this, endpoint, receiver, timestamps, now);
        this.sender =
                new Sender(this, endpoint, iss, request.windowScale, mss - options, handshake.headers() + options);
    }

    State state() {
        return state;
    }

    /** Null when the channel is closed. */
    @Nullable
    TcpFlow flow() {
        return flow;
    }

    boolean isOrphan() {
        return flow == null;
    }

    boolean sackPermitted() {
        return handshake.sack;
    }

    long lastReceived() {
        return lastReceived;
    }

    /** Whether it is out of the table, so that nothing can be sent or received. */
    boolean isGone() {
        return state == State.CLOSED || state == State.TIME_WAIT;
    }

    /** Bytes that selective acknowledgements will take in the next segment. */
    int optionRoom() {
        return handshake.sack && receiver.hasOutOfOrder() ? 4 + 8 * OutOfOrderQueue.MAX_BLOCKS : 0;
    }

    private void establish(Segment segment, long now) {
        state = State.ESTABLISHED;
        handshake.complete(segment, now);
        lifeTimer.established(now);
        TcpFlow established = flow;
        if (established != null) {
            established.fireEstablished();
        }
    }

    // ---- Segments in ----

    /** One segment of this connection, {@code segment} having been parsed from {@code packet}. */
    void receive(ByteBuf packet, Segment segment, long now) {
        if (state == State.SYN_RECEIVED && handshake.answersRepeatedSyn(segment, now)) {
            return;
        }
        if (segment.has(Tcp.RST)) {
            if (acceptability.isReset(segment, now)) {
                fail(new IOException("Connection reset by peer: " + flowName()));
            }
            return;
        }
        if (!acceptability.passes(segment, now)) {
            return;
        }
        if (segment.has(Tcp.SYN)) {
            // RFC 5961 section 4.2: never a reset, for the SYN may be forged.
            acceptability.challenge(now);
            return;
        }
        if (!segment.has(Tcp.ACK)) {
            endpoint.counters.count(Counter.DROPPED_NO_ACK);
            return;
        }
        if (state == State.SYN_RECEIVED) {
            if (!handshake.isCompletedBy(segment)) {
                return;
            }
            lastReceived = now;
            timestamps.remember(segment, receiver.lastAckSent, now);
            establish(segment, now);
            if (isGone()) {
                return;
            }
        } else {
            if (!sender.isPlausible(segment.acknowledgment)) {
                endpoint.counters.count(Counter.DROPPED_BAD_ACK);
                acceptability.challenge(now);
                return;
            }
            lastReceived = now;
            lifeTimer.heard();
            timestamps.remember(segment, receiver.lastAckSent, now);
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
                    lifeTimer.orphaned(now);
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

    /** An ACK at the end of the batch, unless something that is sent before carries it. */
    void acknowledgeLater() {
        ackPending = true;
        endpoint.touch(this);
    }

    /** A pure ACK, now. */
    void acknowledge() {
        transmit(Tcp.ACK, sender.next, 0);
    }

    /** A segment of this connection with what every segment carries: ACK, window, timestamps, selective acknowledgements. */
    void transmit(int flags, int sequence, int length) {
        SegmentWriter writer = endpoint.writer;
        int segmentSize = sender.mss;
        timestamps.write(writer, endpoint.now());
        OutOfOrderQueue early = receiver.outOfOrder();
        if (handshake.sack && early != null && !early.isEmpty()) {
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
            handshake.timeout(now);
        } else if (!isGone() && !sender.timeout(now)) {
            timedOut("no acknowledgement for " + TimeUnit.NANOSECONDS.toSeconds(endpoint.config.userTimeoutNanos())
                    + " s");
        }
    }

    /** As kernels do, a peer that was connected is told, should it only have been unreachable for a while. */
    void timedOut(String why) {
        endpoint.counters.count(Counter.FLOWS_TIMED_OUT);
        if (state != State.SYN_RECEIVED) {
            sendReset();
        }
        fail(new IOException("Connection timed out: " + flowName() + ", " + why + softErrorWords()));
    }

    // ---- ICMP ----

    /** A router, or the peer's host, says something of a segment of ours. */
    void icmpError(int sequence, int type, int code, int mtu) {
        // Not in flight: late, or forged.
        if (isGone() || !sender.isOutstanding(sequence)) {
            return;
        }
        IcmpMeaning meaning = IcmpMeaning.of(isIpv4() ? 4 : 6, type, code);
        if (meaning == IcmpMeaning.TOO_BIG) {
            packetTooBig(mtu);
            return;
        }
        softError = type << 8 | code;
        if (meaning == IcmpMeaning.HARD && state == State.SYN_RECEIVED) {
            fail(new IOException("Connection refused: " + flowName() + softErrorWords()));
        }
    }

    /** The path to the peer has a smaller MTU (RFC 1191, RFC 8201). */
    private void packetTooBig(int mtu) {
        // RFC 8201 section 4: less than any IPv6 link carries is not to be believed.
        if (!isIpv4() && mtu < Ipv6.MIN_MTU) {
            return;
        }
        // Not stated is no reason to guess: the next error says it, or the retransmission timer backs off.
        if (mtu == 0) {
            return;
        }
        int headers = isIpv4() ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH;
        int believed = isIpv4() ? Math.max(mtu, MIN_PATH_MTU_IPV4) : mtu;
        int smaller = believed - headers - Tcp.HEADER_LENGTH - (timestamps.enabled ? Timestamps.OPTION_LENGTH : 0);
        if (state != State.SYN_RECEIVED && smaller >= Handshake.MIN_MSS) {
            sender.reduceMss(smaller, endpoint.now());
        }
    }

    private String softErrorWords() {
        return softError < 0
                ? ""
                : ", last heard of its path: ICMP" + (isIpv4() ? " " : "v6 ") + (softError >>> 8) + "/"
                        + (softError & 0xff);
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
            lifeTimer.orphaned(now);
        }
        shutdownOutput();
    }

    /** Sends a reset and forgets the connection; the channel, if any, is told. */
    void abort() {
        sendReset();
        if (flow == null) {
            // Nobody to tell. Thousands may end so at once, with their link, and an exception's stack is what costs
            // most.
            leave(State.CLOSED);
            receiver.clear();
        } else {
            fail(new IOException("Connection aborted: " + flowName()));
        }
    }

    private void sendReset() {
        endpoint.counters.count(Counter.RESETS_OUT);
        timestamps.write(endpoint.writer, endpoint.now());
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
        TimeWait wait = new TimeWait(this, endpoint, sender.max, receiver.next, timestamps);
        release(State.TIME_WAIT);
        endpoint.timeWait(this, wait, now);
    }

    /** The peer's FIN did not come in time; nobody is left to be told. */
    void forget() {
        leave(State.CLOSED);
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
        sender.clear();
    }

    private String flowName() {
        return remote() + " -> " + local();
    }
}
