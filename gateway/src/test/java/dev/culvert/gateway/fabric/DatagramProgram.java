package dev.culvert.gateway.fabric;

import io.netty.buffer.ByteBuf;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * It sends datagrams that are numbered: none comes twice, and none after a later one. Which are lost is the weather's; in calm weather
 * none is: the caller asks a last question then, and ends with the answer.
 */
@NullUnmarked
final class DatagramProgram extends Program {
    private static final int HEADER = 20;
    private static final int LAST = 1;

    /** In calm weather all have a path again after this: an opener asks for one each 15 s at least. */
    private static final long CALMED_NANOS = TimeUnit.SECONDS.toNanos(20);

    private static final long ASK_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** Which this one is, of all that send. */
    private final int sender;

    private final int total;
    private final Map<Integer, Integer> latest = new HashMap<>();
    private int sent;
    private boolean answered;
    private boolean asked;
    private long askedNanos;

    DatagramProgram(Application of, int direction) {
        super(of, direction);
        Random random = of.world.random;
        sender = of.world.senders++;
        total = random.nextInt(60);
    }

    @Override
    boolean isClean() {
        return direction == 0 ? answered && closed && reset == null : closed;
    }

    @Override
    void act(boolean calm) {
        if (channel == null || !channel.isOpen() || isOver()) {
            return;
        }
        Random random = of.world.random;
        if (!calm && sent < total && random.nextBoolean()) {
            send(random.nextInt(10) == 0 ? random.nextInt(5_000) : random.nextInt(100), 0);
        } else if (calm && direction == 0) {
            askForTheLast();
        }
    }

    private void askForTheLast() {
        long now = of.world.ticker.nanoTime();
        if (asked && now - askedNanos < ASK_AGAIN_NANOS) {
            return;
        }
        if (asked && askedNanos - of.world.calmSinceNanos > CALMED_NANOS) {
            of.world.fails(new AssertionError("a datagram was lost in calm weather: " + of));
        }
        asked = true;
        askedNanos = now;
        send(0, LAST);
    }

    private void send(int filler, int kind) {
        ByteBuf b = of.world.memory.directBuffer(HEADER + filler);
        b.writeInt(of.number)
                .writeInt(direction)
                .writeInt(sender)
                .writeInt(sent++)
                .writeInt(kind);
        channel.writeAndFlush(b.writeZero(filler));
    }

    @Override
    void read(ByteBuf b) {
        int number = b.readInt();
        int from = b.readInt();
        int its = b.readInt();
        int sequence = b.readInt();
        int kind = b.readInt();
        Integer before = latest.put(its, sequence);
        if (number != of.number || from == direction || before != null && sequence <= before) {
            of.world.fails(new AssertionError("datagram " + sequence + " of " + number + " came after " + before
                    + " to the " + side() + " of " + of));
        }
        received++;
        if (kind == LAST) {
            if (direction == 0) {
                answered = true;
                channel.close();
            } else {
                send(0, LAST);
            }
        }
    }

    @Override
    public String toString() {
        return side() + " sent " + sent + ", received " + received + (answered ? " answered" : "") + end();
    }
}
