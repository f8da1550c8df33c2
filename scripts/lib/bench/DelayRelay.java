import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * A TCP relay that stands for a long line: what arrives at one side leaves the other half a round trip later, both ways.
 * Given a rate, a connection's bytes leave at that rate at most in each direction, and {@link #QUEUE_NANOS} of it may wait
 * for their turn; without one, bandwidth is limited by the memory bound alone: at most {@link #MOST_HELD} bytes are under
 * way in each direction of a connection. Beyond its bound it stops reading. The end of a stream is delayed like its bytes;
 * the TCP handshake is not.
 *
 * <p>Run without a build, {@code java DelayRelay.java RTT-MS[@MBIT/S] LISTEN=TARGET...}, with an address and port each, as
 * in {@code java DelayRelay.java 100@1000 10.0.0.1:9443=127.0.0.1:8443}. Prints one line once it listens. One thread.
 */
public final class DelayRelay {
    /** 64 MiB under way are 10 Gbit/s over 50 ms each way: more than one thread moves, and little enough to hold. */
    static final int MOST_HELD = 64 << 20;

    /** What the queue before a line of a given rate holds: some buffers of {@link #CHUNK}, so that it never runs dry. */
    static final long QUEUE_NANOS = 20_000_000;

    /** Bytes of one buffer. A read takes what the kernel has, which at full speed is some hundred KiB. */
    static final int CHUNK = 256 << 10;

    /** Space left in a buffer that is not worth another system call. */
    static final int SMALLEST_READ = 16 << 10;

    /** Buffers that one gathering write passes on; the kernel takes less than this at a time anyway. */
    static final int MOST_GATHERED = 16;

    private static final int BACKLOG = 1024;

    private final Selector selector = Selector.open();
    private final long delayNanos;
    private final double nanosPerByte;
    private final long mostHeld;
    private final List<Direction> directions = new ArrayList<>();
    private final ArrayDeque<ByteBuffer> free = new ArrayDeque<>();

    /** @param nanosPerByte 0 for no limit */
    private DelayRelay(long delayNanos, double nanosPerByte) throws IOException {
        this.delayNanos = delayNanos;
        this.nanosPerByte = nanosPerByte;
        this.mostHeld = nanosPerByte == 0
                ? MOST_HELD
                : Math.min(MOST_HELD, (long) ((delayNanos + QUEUE_NANOS) / nanosPerByte) + CHUNK);
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length < 2) {
            System.err.println("Usage: java DelayRelay.java RTT-MS[@MBIT/S] LISTEN-ADDRESS:PORT=TARGET-ADDRESS:PORT...");
            System.exit(2);
        }
        String[] line = arguments[0].split("@");
        DelayRelay relay = new DelayRelay(
                Math.round(Double.parseDouble(line[0]) * 1e6 / 2), line.length == 1 ? 0 : 8e3 / Double.parseDouble(line[1]));
        for (int i = 1; i < arguments.length; i++) {
            String[] pair = arguments[i].split("=");
            relay.listen(address(pair[0]), address(pair[1]));
        }
        System.out.println("delay relay: listening");
        relay.run();
    }

    private static InetSocketAddress address(String text) {
        int colon = text.lastIndexOf(':');
        return new InetSocketAddress(text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
    }

    private void listen(InetSocketAddress at, InetSocketAddress target) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open();
        server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
        server.bind(at, BACKLOG);
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT, target);
    }

    private void run() throws IOException {
        long wait = 0;
        while (true) {
            if (wait == 0) {
                selector.select();
            } else {
                // Rounded up: a chunk may leave up to 1 ms late, never early.
                selector.select(Math.max(1, (wait + 999_999) / 1_000_000));
            }
            for (SelectionKey key : selector.selectedKeys()) {
                if (key.isValid() && key.isAcceptable()) {
                    accept((ServerSocketChannel) key.channel(), (InetSocketAddress) key.attachment());
                } else if (key.isValid()) {
                    serve((End) key.attachment());
                }
            }
            selector.selectedKeys().clear();
            wait = deliver();
        }
    }

    /** One socket of a connection: the source of one direction, the sink of the other. */
    private static final class End {
        final SocketChannel channel;
        final SelectionKey key;
        Direction in;
        Direction out;

        End(SocketChannel channel, SelectionKey key) {
            this.channel = channel;
            this.key = key;
        }

        void interest(int operation, boolean on) {
            if (key.isValid()) {
                int before = key.interestOps();
                int after = on ? before | operation : before & ~operation;
                if (after != before) {
                    key.interestOps(after);
                }
            }
        }
    }

    /** What one read brought: a part of a buffer, and when it may leave. */
    private record Segment(ByteBuffer bytes, ByteBuffer owner, boolean last, long due) {}

    /** One way of one connection. */
    private static final class Direction {
        final End from;
        final End to;
        final ArrayDeque<Segment> underWay = new ArrayDeque<>();
        ByteBuffer filling;
        long held;
        long sentNanos; // when the last byte has gone into the line
        boolean ended;
        boolean blocked;

        Direction(End from, End to) {
            this.from = from;
            this.to = to;
            from.in = this;
            to.out = this;
        }
    }

    private void accept(ServerSocketChannel server, InetSocketAddress target) throws IOException {
        SocketChannel near = server.accept();
        if (near == null) {
            return;
        }
        SocketChannel far = SocketChannel.open();
        try {
            // Targets are on this machine: they answer or refuse at once.
            far.connect(target);
        } catch (IOException refused) {
            System.err.println("delay relay: connect to " + target + ": " + refused.getMessage());
            far.close();
            near.setOption(StandardSocketOptions.SO_LINGER, 0);
            near.close();
            return;
        }
        End a = end(near);
        End b = end(far);
        Direction up = new Direction(a, b);
        Direction down = new Direction(b, a);
        directions.add(up);
        directions.add(down);
        a.key.interestOps(SelectionKey.OP_READ);
        b.key.interestOps(SelectionKey.OP_READ);
    }

    private End end(SocketChannel channel) throws IOException {
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        SelectionKey key = channel.register(selector, 0);
        End end = new End(channel, key);
        key.attach(end);
        return end;
    }

    private void serve(End end) {
        try {
            if (end.key.isWritable()) {
                end.out.blocked = false;
                end.interest(SelectionKey.OP_WRITE, false);
            }
            if (end.key.isValid() && end.key.isReadable()) {
                read(end.in);
            }
        } catch (IOException broken) {
            abort(end.in);
        }
    }

    /** One read: more at a time would make others wait, and the selector comes back at once. */
    private void read(Direction way) throws IOException {
        if (way.filling == null) {
            ByteBuffer buffer = free.poll();
            way.filling = buffer != null ? buffer : ByteBuffer.allocateDirect(CHUNK);
            way.filling.clear();
        }
        ByteBuffer buffer = way.filling;
        int start = buffer.position();
        int n = way.from.channel.read(buffer);
        way.sentNanos = Math.max(System.nanoTime(), way.sentNanos) + (long) (Math.max(0, n) * nanosPerByte);
        long due = way.sentNanos + delayNanos;
        if (n > 0) {
            boolean last = buffer.remaining() < SMALLEST_READ;
            way.underWay.add(new Segment(buffer.slice(start, n), buffer, last, due));
            if (last) {
                way.filling = null;
            }
            way.held += n;
            if (way.held + CHUNK > mostHeld) {
                way.from.interest(SelectionKey.OP_READ, false);
            }
        } else if (n < 0) {
            way.from.interest(SelectionKey.OP_READ, false);
            way.ended = true;
            // The end of the stream travels behind its bytes.
            way.underWay.add(new Segment(ByteBuffer.allocate(0), buffer, true, due));
            way.filling = null;
        }
    }

    /** Writes what is due everywhere; returns the nanoseconds until something will be, 0 if nothing is under way. */
    private long deliver() {
        long soonest = Long.MAX_VALUE;
        long now = System.nanoTime();
        for (int i = directions.size() - 1; i >= 0; i--) {
            Direction way = directions.get(i);
            try {
                if (!way.blocked && !way.underWay.isEmpty()) {
                    write(way, now);
                }
            } catch (IOException broken) {
                abort(way);
            }
            if (!way.to.channel.isOpen() || way.ended && way.underWay.isEmpty()) {
                directions.remove(i);
            } else if (!way.blocked && !way.underWay.isEmpty()) {
                soonest = Math.min(soonest, Math.max(1, way.underWay.peek().due - now));
            }
        }
        return soonest == Long.MAX_VALUE ? 0 : soonest;
    }

    private final ByteBuffer[] gather = new ByteBuffer[MOST_GATHERED];

    private void write(Direction way, long now) throws IOException {
        while (!way.underWay.isEmpty() && way.underWay.peek().due <= now) {
            int count = 0;
            long bytes = 0;
            for (Segment segment : way.underWay) {
                if (count == MOST_GATHERED || segment.due > now) {
                    break;
                }
                gather[count++] = segment.bytes;
                bytes += segment.bytes.remaining();
            }
            long written = bytes == 0 ? 0 : way.to.channel.write(gather, 0, count);
            way.held -= written;
            while (!way.underWay.isEmpty()
                    && way.underWay.peek().due <= now
                    && !way.underWay.peek().bytes.hasRemaining()) {
                Segment done = way.underWay.poll();
                if (done.last) {
                    free.push(done.owner);
                }
            }
            if (way.held + CHUNK <= mostHeld && !way.ended) {
                way.from.interest(SelectionKey.OP_READ, true);
            }
            if (written < bytes) {
                way.blocked = true;
                way.to.interest(SelectionKey.OP_WRITE, true);
                return;
            }
        }
        if (way.ended && way.underWay.isEmpty()) {
            way.to.channel.shutdownOutput();
            if (way.from.out.ended && way.from.out.underWay.isEmpty()) {
                way.from.channel.close();
                way.to.channel.close();
            }
        }
    }

    /** A broken socket ends both ways at once: with a reset, as its peer would have seen. */
    private void abort(Direction way) {
        for (End end : new End[] {way.from, way.to}) {
            try {
                end.channel.setOption(StandardSocketOptions.SO_LINGER, 0);
                end.channel.close();
            } catch (IOException gone) {
                // Closed already, which is what is wanted.
            }
            end.in.ended = true;
            end.in.underWay.clear();
        }
    }
}
