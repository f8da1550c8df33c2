package dev.culvert.stack.tcp;

import dev.culvert.stack.ip.IpAddresses;
import dev.culvert.stack.ip.IpPacket;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.time.TimerWheel;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All TCP of one packet channel: the connection table, the requests that wait for an answer, the timers. Everything is
 * called on the event loop of that channel, {@link #counters} apart.
 */
public final class TcpEndpoint {
    private static final Logger LOG = LoggerFactory.getLogger(TcpEndpoint.class);
    /** RFC 9293 section 3.4.1: the clock of initial sequence numbers ticks about every 4 microseconds. */
    private static final int ISN_TICK_NANOS = 4_000;
    /** What a new incarnation's sequence numbers stay clear of the old one's by. */
    private static final int INCARNATION_GAP = 1 << 17;
    /** Domains of the keyed hash. */
    static final long TABLE = 1;

    private static final long ISN = 2;
    private static final long TIMESTAMP = 3;
    private static final int MIN_TOUCHED = 16;

    final TcpConfig config;
    final PacketOutput output;
    final TcpCounters counters = new TcpCounters();
    final SegmentWriter writer;
    /** The shift that lets the largest receive buffer fit in the window field. */
    final int receiveShift;

    private final TcpListener listener;
    private final KeyedHash hash;
    private final FlowTable table = new FlowTable();
    private final Admission admission;

    private final Segment segment = new Segment();
    private @Nullable TcpConnection[] touched = new @Nullable TcpConnection[MIN_TOUCHED];
    private int touchedCount;
    /** The open channels, in a list that runs through them. */
    private @Nullable TcpFlow flows;

    private long receiveCost;
    private long sendQueued;
    private boolean batch;
    private long batchTime;
    private boolean closed;

    /** Set by {@link #activate}, before which nothing can come. */
    @SuppressWarnings("NullAway.Init")
    private Channel parent;

    @SuppressWarnings("NullAway.Init")
    TimerWheel timers;

    /** An endpoint that waits for {@link #activate}. */
    public TcpEndpoint(TcpConfig config, TcpListener listener, PacketOutput output) {
        this.config = Objects.requireNonNull(config, "config");
        this.listener = Objects.requireNonNull(listener, "listener");
        this.output = Objects.requireNonNull(output, "output");
        this.writer = new SegmentWriter(output, counters);
        this.hash = new KeyedHash(config.secretLow(), config.secretHigh());
        this.admission = new Admission(config, counters, hash);
        int shift = 0;
        while (0xffff << shift < config.receiveBufferMax()) {
            shift++;
        }
        this.receiveShift = shift;
    }

    /** The packet channel is active; its event loop and that loop's clock are used from now on. */
    public void activate(Channel parent) {
        this.parent = parent;
        this.timers = new TimerWheel(parent.eventLoop());
    }

    /** What has been counted; readable from every thread. */
    public TcpCounters counters() {
        return counters;
    }

    /**
     * One validated, reassembled IP packet that carries TCP, its checksum verified or vouched for by the device.
     *
     * @param packet exactly the IP packet; ownership stays with the caller, slices of what is kept are retained
     * @param ip what was found in it
     */
    public void receive(ByteBuf packet, IpPacket ip) {
        if (closed) {
            return;
        }
        if (!batch) {
            batch = true;
            batchTime = timers.nanoTime();
        }
        counters.count(Counter.SEGMENTS_IN);
        int tcp = ip.payload();
        if (!segment.parse(packet, tcp, ip.payloadLength())) {
            counters.count(Counter.DROPPED_MALFORMED);
            return;
        }
        long ports = FlowEntry.ports(ip.version(), Tcp.sourcePort(packet, tcp), Tcp.destinationPort(packet, tcp));
        dispatch(packet, ip.sourceHigh(), ip.sourceLow(), ip.destinationHigh(), ip.destinationLow(), ports);
    }

    private void dispatch(ByteBuf packet, long remoteHigh, long remoteLow, long localHigh, long localLow, long ports) {
        int slot = (int) hash.hash(remoteHigh, remoteLow, localHigh, localLow, ports, TABLE);
        FlowEntry entry = table.get(remoteHigh, remoteLow, localHigh, localLow, ports, slot);
        TimeWait incarnation = null;
        if (entry instanceof TcpConnection connection) {
            connection.receive(packet, segment, batchTime);
            return;
        }
        if (entry instanceof PendingRequest request) {
            if (!request.receive(segment, batchTime)) {
                return;
            }
        } else if (entry instanceof TimeWait wait) {
            if (!wait.isReopenedBy(segment)) {
                wait.receive(segment, batchTime);
                return;
            }
            forget(wait);
            incarnation = wait;
        }
        FlowEntry key = new Key(remoteHigh, remoteLow, localHigh, localLow, ports, slot);
        if (segment.has(Tcp.RST)) {
            counters.count(Counter.RESETS_IN);
        } else if (segment.has(Tcp.ACK) || !segment.has(Tcp.SYN) || segment.has(Tcp.FIN)) {
            reset(key, segment);
        } else {
            request(key, packet, incarnation);
        }
    }

    /** A SYN for a connection that is not in the table. */
    private void request(FlowEntry key, ByteBuf packet, @Nullable TimeWait incarnation) {
        counters.count(Counter.SYNS_IN);
        if (!admission.admit(key)) {
            return;
        }
        PendingRequest request = new PendingRequest(this, key, segment, packet, incarnation, batchTime);
        table.add(request);
        try {
            listener.onTcp(request);
        } catch (RuntimeException e) {
            // One request's bug is not to take the packet channel, and with it every flow, down.
            LOG.warn("TCP request {} -> {} refused: its listener failed", request.source(), request.destination(), e);
            request.refuse(Refusal.CONNECTION_REFUSED);
        }
    }

    /** RFC 9293 section 3.5.2, group 1: a segment for a connection that does not exist. */
    void reset(FlowEntry key, Segment cause) {
        counters.count(Counter.RESETS_OUT);
        if (cause.has(Tcp.ACK)) {
            writer.write(key, Tcp.RST, cause.acknowledgment, 0, 0);
        } else {
            writer.write(key, Tcp.RST | Tcp.ACK, 0, cause.sequence + cause.length(), 0);
        }
        output.scheduleFlush();
    }

    /** The end of a batch: every flow that it touched learns so, sends what it may, and acknowledges once. */
    public void batchComplete() {
        // Handlers may write to other flows, whose segments then go out at once, but only receive() makes the list
        // longer.
        for (int i = 0; i < touchedCount; i++) {
            TcpConnection connection = touched[i];
            touched[i] = null;
            if (connection != null) {
                connection.touched = false;
                connection.batchEnd(batchTime);
            }
        }
        touchedCount = 0;
        batch = false;
    }

    void touch(TcpConnection connection) {
        if (connection.touched) {
            return;
        }
        if (touchedCount == touched.length) {
            touched = java.util.Arrays.copyOf(touched, touchedCount * 2);
        }
        connection.touched = true;
        touched[touchedCount++] = connection;
    }

    /**
     * An ICMP error about a packet of ours: {@link IcmpMeaning} says what it may do. One that quotes a segment that is not in
     * flight does nothing (RFC 5927 section 4.1).
     *
     * @param quoted the quoted packet, IP header at the reader index; ownership stays with the caller
     * @param tcpOffset offset of the quoted TCP header, at least 8 bytes of which are there, from the reader index
     * @param type of ICMP or ICMPv6, as {@code ipVersion} says
     * @param code of that type
     * @param nextHopMtu the MTU that the error names if it is "packet too big", otherwise 0
     */
    public void icmpError(ByteBuf quoted, int ipVersion, int tcpOffset, int type, int code, int nextHopMtu) {
        if (closed || quoted.readableBytes() < tcpOffset + 8) {
            return;
        }
        int ip = quoted.readerIndex();
        int tcp = ip + tcpOffset;
        // The quoted packet is ours: its source is the local end.
        long ports = FlowEntry.ports(ipVersion, Tcp.destinationPort(quoted, tcp), Tcp.sourcePort(quoted, tcp));
        long remoteHigh = ipVersion == 4 ? 0 : Ipv6.destinationHigh(quoted, ip);
        long remoteLow =
                ipVersion == 4 ? IpAddresses.ofIpv4(Ipv4.destination(quoted, ip)) : Ipv6.destinationLow(quoted, ip);
        long localHigh = ipVersion == 4 ? 0 : Ipv6.sourceHigh(quoted, ip);
        long localLow = ipVersion == 4 ? IpAddresses.ofIpv4(Ipv4.source(quoted, ip)) : Ipv6.sourceLow(quoted, ip);
        int slot = (int) hash.hash(remoteHigh, remoteLow, localHigh, localLow, ports, TABLE);
        FlowEntry entry = table.get(remoteHigh, remoteLow, localHigh, localLow, ports, slot);
        if (entry instanceof TcpConnection connection) {
            connection.icmpError(Tcp.sequence(quoted, tcp), type, code, nextHopMtu);
        }
    }

    /** Closes every flow, abandons every request and releases every buffer; later packets are ignored. */
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        table.forEach(entry -> {
            if (entry instanceof TcpConnection connection) {
                if (!connection.isGone()) {
                    connection.discard();
                }
            } else if (entry instanceof PendingRequest request) {
                request.abandon();
            } else if (entry instanceof TimeWait wait) {
                forget(wait);
            }
        });
        // Also those whose connection has ended in peace while the application still held the channel.
        TcpFlow flow;
        while ((flow = flows) != null) {
            flow.unsafe().close(flow.unsafe().voidPromise());
            if (flow == flows) {
                throw new IllegalStateException("closed TCP flow is still listed: " + flow);
            }
        }
        if (timers != null) {
            timers.close();
        }
    }

    // ---- For connections and requests ----

    /** A channel was made: {@link #close} is to close it, whatever becomes of its connection. */
    private void link(TcpFlow flow) {
        TcpFlow first = flows;
        flow.nextOpen = first;
        if (first != null) {
            first.previousOpen = flow;
        }
        flows = flow;
    }

    void unlink(TcpFlow flow) {
        TcpFlow next = flow.nextOpen;
        TcpFlow previous = flow.previousOpen;
        if (previous != null) {
            previous.nextOpen = next;
        } else {
            flows = next;
        }
        if (next != null) {
            next.previousOpen = previous;
        }
        flow.nextOpen = null;
        flow.previousOpen = null;
    }

    /** The clock of the event loop, read once per batch of packets. */
    long now() {
        return batch ? batchTime : timers.nanoTime();
    }

    boolean inEventLoop() {
        return parent.eventLoop().inEventLoop();
    }

    void execute(Runnable task) {
        parent.eventLoop().execute(task);
    }

    TcpFlow accept(PendingRequest request, ChannelHandler handler) {
        timers.remove(request.timer);
        admission.ended(request);
        counters.count(Counter.FLOWS_ACCEPTED);
        counters.count(Counter.OPEN);
        TcpFlow flow = new TcpFlow(parent, this, request);
        table.replace(request, flow.connection());
        link(flow);
        flow.pipeline().addLast(handler);
        parent.eventLoop().register(flow);
        if (!flow.connection().isGone()) {
            flow.connection().handshake.sendSynAck(now());
        }
        return flow;
    }

    /** RFC 6528: a clock, plus a keyed hash of the connection, so that numbers of different connections are unrelated. */
    int initialSequence(PendingRequest flow, long now) {
        int isn = (int) (now / ISN_TICK_NANOS)
                + (int) hash.hash(flow.remoteHigh, flow.remoteLow, flow.localHigh, flow.localLow, flow.ports, ISN);
        TimeWait old = flow.incarnation;
        // A fast connection outruns the clock; the next incarnation has to begin above it (RFC 1122 section 4.2.2.13).
        if (old != null && Sequence.before(isn, old.sndNext + INCARNATION_GAP)) {
            return old.sndNext + INCARNATION_GAP;
        }
        return isn;
    }

    int timestampOffset(FlowEntry flow) {
        return (int) hash.hash(flow.remoteHigh, flow.remoteLow, flow.localHigh, flow.localLow, flow.ports, TIMESTAMP);
    }

    void remove(PendingRequest request) {
        table.remove(request);
        admission.ended(request);
    }

    void remove(TcpConnection connection) {
        if (table.remove(connection)) {
            counters.add(Counter.OPEN, -1);
        }
    }

    /** {@code wait} takes the place of {@code connection}, unless there are too many of its kind. */
    void timeWait(TcpConnection connection, TimeWait wait, long now) {
        if (counters.get(Counter.TIME_WAIT) >= config.maxTimeWait() || config.timeWaitNanos() == 0) {
            remove(connection);
            return;
        }
        table.replace(connection, wait);
        counters.add(Counter.OPEN, -1);
        counters.count(Counter.TIME_WAIT);
        timers.arm(wait.timer, now, config.timeWaitNanos());
    }

    void forget(TimeWait wait) {
        timers.remove(wait.timer);
        if (table.remove(wait)) {
            counters.add(Counter.TIME_WAIT, -1);
        }
    }

    /** So many more bytes are queued, or fewer, and cost so much of the budget, buffers and objects included. */
    void receiveQueued(int bytes, int cost) {
        receiveCost += cost;
        counters.add(Counter.RECEIVE_QUEUED, bytes);
    }

    long receiveBudgetLeft() {
        return config.receiveBudget() - receiveCost;
    }

    /** Whether buffers may still grow. */
    boolean receiveBudgetIsAmple() {
        return receiveCost < config.receiveBudget() / 2;
    }

    void sendQueued(int bytes) {
        sendQueued += bytes;
        counters.add(Counter.SEND_QUEUED, bytes);
    }

    long sendBudgetLeft() {
        return config.sendBudget() - sendQueued;
    }

    /** A four-tuple that stands for no connection. */
    private static final class Key extends FlowEntry {
        Key(long remoteHigh, long remoteLow, long localHigh, long localLow, long ports, int hash) {
            super(remoteHigh, remoteLow, localHigh, localLow, ports, hash);
        }
    }
}
