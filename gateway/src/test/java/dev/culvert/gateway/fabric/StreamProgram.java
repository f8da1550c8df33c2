package dev.culvert.gateway.fabric;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;

/** It sends bytes that say where they belong, so that none can be missing, doubled or out of its place unnoticed. */
@NullUnmarked
final class StreamProgram extends Program {
    private static final int MOST = 300_000;

    /** What all send, each from a place of its own. */
    private static final byte[] BYTES = new byte[4 * MOST];

    static {
        new Random(17).nextBytes(BYTES);
    }

    final long total;

    /** Whether it ends only when it has heard all from the other: nothing of its own comes to carry what was lost along. */
    private final boolean hearsOut;

    /** How seldom it reads. */
    private final int readsOnceIn;

    /** Where in {@link #BYTES} its own begin. */
    private final int begin;

    private final Set<StreamProgram> ruledOut = new HashSet<>();
    boolean checks = true;
    long sent;
    private boolean shut;
    private boolean flushed;
    private boolean ended; // by the other's FIN

    StreamProgram(Application of, int direction) {
        super(of, direction);
        Random random = of.world.random;
        total = switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> random.nextInt(20);
            case 2, 3 -> random.nextInt(5_000);
            case 4 -> random.nextInt(50_000);
            default -> random.nextInt(MOST);
        };
        hearsOut = random.nextInt(3) > 0;
        readsOnceIn = random.nextInt(4) == 0 ? 8 : 1 + random.nextInt(2);
        begin = of.world.senders++ * 7_919 % (BYTES.length - MOST);
    }

    /** What the other may be: a caller whose OPENED was lost may have been answered more than once. */
    private List<StreamProgram> others() {
        return direction == 1
                ? List.of((StreamProgram) of.caller)
                : of.callees()
                        .map(p -> (StreamProgram) p)
                        .filter(p -> p.channel != null && !ruledOut.contains(p))
                        .toList();
    }

    @Override
    boolean isClean() {
        return ended && flushed && reset == null && !aborted;
    }

    @Override
    void act(boolean calm) {
        if (channel == null || !channel.isActive() || isOver()) {
            return;
        }
        Random random = of.world.random;
        channel.config().setAutoRead(calm || random.nextInt(readsOnceIn) == 0);
        if (sent < total && channel.isWritable()) {
            int most = random.nextInt(3) == 0 ? 10 : 60_000;
            int n = (int) Math.min(total - sent, calm ? 60_000 : 1 + random.nextInt(most));
            ByteBuf b = of.world.memory.directBuffer(n).writeBytes(BYTES, (int) (begin + sent), n);
            sent += n;
            channel.writeAndFlush(b);
        } else if (sent == total
                && !shut
                && (!hearsOut || others().stream().anyMatch(o -> received == o.total))
                && (calm || random.nextInt(5) == 0)) {
            shut = true;
            channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> {
                if (f.isSuccess()) {
                    channel.shutdownOutput().addListener(g -> {
                        flushed = g.isSuccess();
                        closeIfDone();
                    });
                }
            });
        }
    }

    private void closeIfDone() {
        if (ended && flushed) {
            channel.close();
        }
    }

    @Override
    void read(ByteBuf b) {
        int n = b.readableBytes();
        if (checks) {
            byte[] found = b.hasArray() ? b.array() : new byte[n];
            int at = b.hasArray() ? b.arrayOffset() + b.readerIndex() : 0;
            if (!b.hasArray()) {
                b.getBytes(b.readerIndex(), found);
            }
            for (StreamProgram other : others()) {
                int from = (int) (other.begin + received);
                if (received + n > other.total || Arrays.mismatch(found, at, at + n, BYTES, from, from + n) >= 0) {
                    ruledOut.add(other);
                }
            }
            if (ruledOut.contains(of.caller) || others().isEmpty()) {
                of.world.fails(new AssertionError(
                        "behind offset " + received + " came what is not next to the " + side() + " of " + of));
                return;
            }
        }
        received += n;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE && !dead) {
            if (checks && others().stream().noneMatch(o -> received == o.total) || ended) {
                of.world.fails(new AssertionError("FIN at offset " + received + " to the " + side() + " of " + of));
            }
            ended = true;
            closeIfDone();
        }
    }

    @Override
    public String toString() {
        return side() + " sent " + sent + "/" + total + ", received " + received + (ended ? " ended" : "")
                + (flushed ? " shut" : "") + end();
    }
}
