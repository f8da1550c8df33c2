package dev.culvert.tunnel.link;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.outgoing.CongestionChoice;
import dev.culvert.tunnel.outgoing.FairWriter;
import dev.culvert.tunnel.websocket.WebSocketDecoder;
import dev.culvert.tunnel.websocket.WebSocketEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.DecoderException;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One authenticated WebSocket between a client or an agent and a gateway, after the upgrade: the last handler of the
 * TCP (or TLS) channel. Parses WebSocket messages (RFC 6455 section 5) into frames for its {@link FrameReceiver},
 * writes frames through its {@link FairWriter}, answers PING, measures the round trip, and closes itself when nothing
 * has come for the deadline.
 *
 * <p>All methods are for the event loop, unless they say otherwise.
 */
public final class Link extends ChannelInboundHandlerAdapter implements Carrier {
    /** Which end of the WebSocket we are: it decides about masking (RFC 6455 5.1) and flow ids. */
    public enum Role {
        WEBSOCKET_CLIENT,
        WEBSOCKET_SERVER
    }

    private static final Logger log = LoggerFactory.getLogger(Link.class);

    /** Close code of an end that is going away (RFC 6455 7.4.1): an end's own flows end with it; a gateway's go on elsewhere. */
    public static final int CLOSE_GOING = 1001;

    /** Close code of a gateway whose peer's token has expired or was revoked (RFC 6455 7.4.2, private use). */
    public static final int CLOSE_TOKEN_ENDED = 4001;

    /** Bytes of a peer's text for people that are looked at; senders have at most 200 (docs/protocol.md). */
    private static final int MAX_TEXT = 512;

    /** A peer that got a Close frame has this long to close its side (RFC 6455 7.1.1). */
    private static final long CLOSE_LINGER_MILLIS = 1_000;

    /**
     * A message that has not come whole for so long never will: 64 KiB take that on 4.4 kbit/s. Bytes alone are a sign of
     * life, so else one a second would keep a link, and what it holds of the message, for ever.
     */
    public static final Duration MESSAGE_DEADLINE = Duration.ofMinutes(2);

    /** A link that works answers within four of its round trips, at least and at most within these. */
    static final Duration PATIENCE_MIN = Duration.ofMillis(500);

    public static final Duration PATIENCE_MAX = Duration.ofMillis(1_500);

    /**
     * The least round trip decides how far windows grow. The first one is a young process's, too long by far, and once
     * traffic flows all are; so it is looked for early.
     */
    private static final long[] EARLY_PINGS_MILLIS = {50, 100, 200, 400, 800, 1_600};

    private final Role role;
    private final int version;
    private final WebSocketEncoder encoder;
    private final LinkSettings settings;
    private final FrameReceiver receiver;
    private final CongestionChoice congestion = new CongestionChoice();

    private @Nullable ChannelHandlerContext ctx;
    private @Nullable FairWriter writer;
    private @Nullable WebSocketDecoder decoder;
    private @Nullable ScheduledFuture<?> heartbeat;
    private boolean closing;
    private boolean down;
    private @Nullable String downReason;
    private int closeCode;
    private int peerCloseCode;
    private boolean endedByPeer;

    private long lastHeardNanos;
    private long lastWholeNanos;
    private long messages;

    /** What the latest WebSocket Ping holds; null when none is to be answered. */
    private byte @Nullable [] pong;

    private volatile long rttNanos;
    private volatile long minRttNanos;
    private volatile long framesIn;
    private volatile long bytesIn;

    /** Of version 1; see the other constructor. */
    public Link(Role role, boolean secure, LinkSettings settings, FrameReceiver receiver) {
        this(role, secure, settings, receiver, 1);
    }

    /**
     * @param secure whether TLS lies below (then frames are masked with key 0)
     * @param version of the link protocol, as the upgrade has agreed it
     */
    public Link(Role role, boolean secure, LinkSettings settings, FrameReceiver receiver, int version) {
        this.role = role;
        this.version = version;
        this.encoder = new WebSocketEncoder(role == Role.WEBSOCKET_CLIENT, secure);
        this.settings = settings;
        this.receiver = receiver;
    }

    // ---- for the receiver ----

    public Role role() {
        return role;
    }

    @Override
    public int version() {
        return version;
    }

    /** @throws IllegalStateException before the link is up */
    @Override
    public FairWriter writer() {
        FairWriter w = writer;
        if (w == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return w;
    }

    /** @throws IllegalStateException before the link is up */
    public Channel channel() {
        ChannelHandlerContext c = ctx;
        if (c == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return c.channel();
    }

    @Override
    public EventLoop eventLoop() {
        return channel().eventLoop();
    }

    @Override
    public SocketAddress remoteAddress() {
        return channel().remoteAddress();
    }

    @Override
    public String keyExchange() {
        return KeyExchange.of(channel());
    }

    /** The last measured round trip in µs, 0 before the first. From any thread. */
    public long rttMicros() {
        return rttNanos / 1_000;
    }

    @Override
    public long minRttMicros() {
        return minRttNanos / 1_000;
    }

    /** From any thread. */
    public long framesIn() {
        return framesIn;
    }

    /** From any thread. */
    public long bytesIn() {
        return bytesIn;
    }

    @Override
    public boolean isDown() {
        return down;
    }

    @Override
    public boolean endsFlows() {
        boolean ours = closeCode != 0;
        return switch (ours ? closeCode : peerCloseCode) {
            case CLOSE_GOING -> ours == (role == Role.WEBSOCKET_CLIENT);
            case 1002, 1003, 1009, CLOSE_TOKEN_ENDED -> true;
            default -> false;
        };
    }

    /** The code of the peer's Close frame (RFC 6455 7.4.1); 0 when none has come, or one without a code. */
    public int peerCloseCode() {
        return peerCloseCode;
    }

    /** Whether the peer closed or reset the connection, rather than that we did, or heard nothing any more. */
    public boolean isEndedByPeer() {
        return endedByPeer;
    }

    @Override
    public ByteBufAllocator alloc() {
        return channel().alloc();
    }

    @Override
    public void setReading(boolean reading) {
        channel().config().setAutoRead(reading);
    }

    @Override
    public ChannelFuture closeFuture() {
        return channel().closeFuture();
    }

    @Override
    public void drain(Drain drain) {
        writer().control(Frame.DRAIN, drain.flags(version), 0, drain.payload(version));
    }

    /**
     * Closes with a WebSocket Close frame.
     *
     * @param code RFC 6455 7.4.1
     * @param why one line for people, here and there (cut to 120 bytes)
     */
    @Override
    public void close(int code, String why) {
        ChannelHandlerContext c = ctx;
        if (closing || c == null || down) {
            return;
        }
        closing = true;
        closeCode = code;
        downReason = why;
        byte[] text = why.getBytes(StandardCharsets.UTF_8);
        int n = Math.min(text.length, 120);
        ByteBuf b = c.alloc().directBuffer(16 + n);
        encoder.close(b, code, text, n);
        c.writeAndFlush(b, c.voidPromise());
        closeSoon(c);
        takeDown(why);
    }

    /**
     * The peer closes in answer to a Close frame. One that does not, or that does not even read ours, is not waited for
     * long: the time runs from now, not from when the frame has been written, which may be never.
     */
    private static void closeSoon(ChannelHandlerContext c) {
        c.executor().schedule(() -> c.close(), CLOSE_LINGER_MILLIS, TimeUnit.MILLISECONDS);
    }

    // ---- the channel's events ----

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        this.ctx = ctx;
        writer = new FairWriter(ctx, encoder, new Waiting());
        decoder = new WebSocketDecoder(ctx.alloc(), role == Role.WEBSOCKET_SERVER, new Incoming(ctx));
        if (ctx.channel().isActive()) {
            up(ctx);
        }
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        up(ctx);
        ctx.fireChannelActive();
    }

    private void up(ChannelHandlerContext ctx) {
        if (heartbeat != null || down) {
            return;
        }
        lastHeardNanos = now(ctx);
        lastWholeNanos = lastHeardNanos;
        long interval = settings.pingInterval().toNanos();
        // Not at a fixed rate: a suspended machine would send a PING for each that it slept through.
        heartbeat = ctx.executor().scheduleWithFixedDelay(this::heartbeat, interval, interval, TimeUnit.NANOSECONDS);
        ping();
        for (long millis : EARLY_PINGS_MILLIS) {
            ctx.executor().schedule(this::earlyPing, millis, TimeUnit.MILLISECONDS);
        }
        receiver.linkUp(this);
    }

    private static long now(ChannelHandlerContext ctx) {
        return ctx.executor().ticker().nanoTime();
    }

    private void heartbeat() {
        ChannelHandlerContext c = ctx;
        if (c == null || down) {
            return;
        }
        long silent = now(c) - lastHeardNanos;
        if (silent >= settings.deadline().toNanos()) {
            abandon("nothing heard for " + TimeUnit.NANOSECONDS.toSeconds(silent) + " s");
        } else if (decoder != null && decoder.isIncomplete() && now(c) - lastWholeNanos >= MESSAGE_DEADLINE.toNanos()) {
            close(1008, "a message has not come whole for " + MESSAGE_DEADLINE.toSeconds() + " s");
        } else {
            ping();
            if (role == Role.WEBSOCKET_CLIENT) { // who has made a link makes another
                long asked = now(c);
                c.executor().schedule(() -> suspect(c, asked), patienceNanos(), TimeUnit.NANOSECONDS);
            }
        }
    }

    /** A PING has gone unanswered: the link is silent when it has been so for as long as lies between two. */
    private void suspect(ChannelHandlerContext c, long asked) {
        if (down || hasSpokenSince(asked)) {
            return;
        }
        long left = lastHeardNanos + settings.pingInterval().toNanos() - now(c);
        if (left > 0) {
            c.executor().schedule(() -> suspect(c, asked), left, TimeUnit.NANOSECONDS);
        } else {
            receiver.linkSilent(this);
        }
    }

    /** Whether anything has come since then, by the clock of the loop. */
    public boolean hasSpokenSince(long nanos) {
        return lastHeardNanos - nanos >= 0;
    }

    private long patienceNanos() {
        return Math.max(PATIENCE_MIN.toNanos(), Math.min(PATIENCE_MAX.toNanos(), 4 * rttNanos));
    }

    /** Asks the peer for a sign of life, and is down when none has come after {@link #PATIENCE_MAX} at most. Event loop. */
    public void probe() {
        ChannelHandlerContext c = ctx;
        if (c == null || down) {
            return;
        }
        long asked = now(c);
        ping();
        c.executor()
                .schedule(
                        () -> {
                            if (!hasSpokenSince(asked)) {
                                abandon("nothing heard since this machine's network changed");
                            }
                        },
                        patienceNanos(),
                        TimeUnit.NANOSECONDS);
    }

    /**
     * Is down, without a word to the peer: its flows may go on over another link.
     *
     * @param why one line for people here
     */
    public void abandon(String why) {
        ChannelHandlerContext c = ctx;
        if (c != null && !down) {
            fail(why);
            c.close();
        }
    }

    private void earlyPing() {
        if (!down) {
            ping();
        }
    }

    private void ping() {
        ChannelHandlerContext c = ctx;
        if (c != null) {
            writer().control(Frame.PING, 0, 0, c.alloc().directBuffer(8).writeLong(now(c)));
        }
    }

    /** What waits for a peer that does not read. */
    private final class Waiting implements FairWriter.Holder {
        @Override
        public boolean mayHold(int controlBytes) {
            return receiver.mayHold(Link.this);
        }

        @Override
        public void overrun() {
            close(1008, "peer does not read: too much waits for it");
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (ctx.channel().isWritable() && !down) {
            writer().pump();
        }
        ctx.fireChannelWritabilityChanged();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (!(msg instanceof ByteBuf in)) {
            ctx.fireChannelRead(msg);
            return;
        }
        WebSocketDecoder d = decoder;
        if (down || d == null) {
            in.release();
            return;
        }
        lastHeardNanos = now(ctx);
        bytesIn = bytesIn + in.readableBytes();
        try {
            d.decode(in);
            if (!d.isIncomplete() || d.messages() != messages) {
                messages = d.messages();
                lastWholeNanos = lastHeardNanos;
            }
        } catch (ProtocolException e) {
            log.debug("link {}: {}", AddressText.of(ctx.channel().remoteAddress()), e.getMessage());
            close(e.closeCode(), e.getMessage() == null ? "protocol error" : Printable.text(e.getMessage()));
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (!down) {
            answerPing(ctx);
            receiver.batchComplete(this);
        }
        ctx.fireChannelReadComplete();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        endedByPeer |= !down;
        fail("connection closed by the peer");
        ctx.fireChannelInactive();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        fail("removed");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        NetworkError kind = NetworkError.of(cause);
        endedByPeer |= !down && (kind == NetworkError.RESET || kind == NetworkError.CLOSED);
        Throwable told = cause instanceof DecoderException && cause.getCause() != null ? cause.getCause() : cause;
        fail(NetworkError.words(told));
        ctx.close();
    }

    private void fail(String why) {
        if (!down) {
            takeDown(downReason != null ? downReason : why);
        }
    }

    private void takeDown(String why) {
        down = true;
        ScheduledFuture<?> h = heartbeat;
        boolean wasUp = h != null;
        if (h != null) {
            h.cancel(false);
        }
        if (decoder != null) {
            decoder.close();
        }
        if (wasUp) {
            receiver.linkDown(this, why);
        }
        if (writer != null) {
            writer.close();
        }
    }

    // ---- what the decoder delivers ----

    private final class Incoming implements WebSocketDecoder.Sink {
        private final ChannelHandlerContext ctx;

        Incoming(ChannelHandlerContext ctx) {
            this.ctx = ctx;
        }

        @Override
        public void frame(int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
            framesIn = framesIn + 1;
            switch (type) {
                case Frame.PING -> {
                    if (payload.readableBytes() != 8) {
                        payload.release();
                        throw new ProtocolException("PING whose payload is not 8 bytes");
                    }
                    writer().control(Frame.PONG, 0, 0, payload);
                }
                case Frame.PONG -> {
                    try {
                        if (payload.readableBytes() == 8) {
                            pong(ctx, payload.readLong());
                        }
                    } finally {
                        payload.release();
                    }
                }
                default -> receiver.frame(Link.this, type, flags, flowId, payload);
            }
        }

        @Override
        public void ping(ByteBuf body) {
            pong = new byte[body.readableBytes()];
            body.readBytes(pong);
        }

        @Override
        public void closed(ByteBuf body) {
            String why = "connection closed by the peer";
            if (body.readableBytes() >= 2) {
                int code = body.readUnsignedShort();
                peerCloseCode = code;
                String text = text(body);
                if (text.isEmpty()) {
                    why = "closed by the peer, code " + code;
                } else { // in the gateway's log and audit nobody's words are to pass for its own
                    why = role == Role.WEBSOCKET_SERVER ? "it said: " + text : text;
                }
            }
            downReason = why;
            endedByPeer = true;
            fail(why);
            ByteBuf b = ctx.alloc().directBuffer(16);
            encoder.close(b, 1000);
            ctx.writeAndFlush(b).addListener(ChannelFutureListener.CLOSE);
            closeSoon(ctx);
        }
    }

    /** Text for people from a peer: what it may be of length and signs, without reading more than that. */
    public static String text(ByteBuf payload) {
        int length = Math.min(payload.readableBytes(), MAX_TEXT);
        return Printable.text(payload.toString(payload.readerIndex(), length, StandardCharsets.UTF_8));
    }

    /** RFC 6455 5.5.3: of Pings that came together only the latest; of a peer that does not read none, for all would queue. */
    private void answerPing(ChannelHandlerContext ctx) {
        byte[] echo = pong;
        pong = null;
        if (echo != null && ctx.channel().isWritable()) {
            ByteBuf b = ctx.alloc().directBuffer(6 + echo.length);
            encoder.pong(b, echo);
            ctx.writeAndFlush(b, ctx.voidPromise());
        }
    }

    private void pong(ChannelHandlerContext ctx, long sentNanos) {
        long rtt = now(ctx) - sentNanos;
        if (rtt > 0 && rtt < TimeUnit.MINUTES.toNanos(5)) { // else it is none of our PINGs
            rttNanos = rtt;
            long min = minRttNanos;
            if (min == 0 || rtt < min) {
                minRttNanos = rtt;
            }
            congestion.roundTrip(ctx.channel(), minRttNanos);
            receiver.roundTrip(this, rtt);
        }
    }
}
