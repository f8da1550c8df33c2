package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class KeptTest {
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false, true);
    private final KeptBudget budget = new KeptBudget(1 << 20);
    private final Kept kept = new Kept(budget, "ann");

    private ByteBuf bytes(long from, int n) {
        ByteBuf b = allocator.heapBuffer(n);
        for (long i = from; i < from + n; i++) {
            b.writeByte((int) (i * 7));
        }
        return b;
    }

    /** Against what it should be, by offsets alone. */
    @Test
    void whateverIsReceivedInWhateverPartsAndOverHoweverManyPaths() {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            Kept k = new Kept(budget, "ann");
            long end = 0;
            long received = 0;
            long next = 0;
            for (int step = 0; step < 300; step++) {
                switch (random.nextInt(4)) {
                    case 0 -> {
                        if (next == end) {
                            int n = 1 + random.nextInt(50);
                            k.add(bytes(end, n));
                            end += n;
                            next = end;
                        }
                    }
                    case 1 -> {
                        received += random.nextLong(next - received + 1);
                        assertThat(k.received(received)).isTrue();
                    }
                    case 2 -> {
                        assertThat(k.goBack(received)).isTrue();
                        next = received;
                    }
                    default -> {
                        if (next < end) {
                            ByteBuf piece = k.take(1 + random.nextInt(30));
                            ByteBuf expected = bytes(next, piece.readableBytes());
                            assertThat(piece).isEqualTo(expected);
                            next += piece.readableBytes();
                            piece.release();
                            expected.release();
                        }
                    }
                }
                assertThat(k.end()).isEqualTo(end);
                assertThat(k.unsent()).isEqualTo(end - next);
                assertThat(k.base()).isLessThanOrEqualTo(received);
            }
            k.close(ImmediateEventExecutor.INSTANCE);
        }
        assertThat(budget.taken()).isZero();
        assertThat(allocator.metric().usedHeapMemory()).isZero();
    }

    @Test
    void whatWasNotSentCannotHaveBeenReceived() {
        kept.add(bytes(0, 10));
        assertThat(kept.received(11)).isFalse();
        assertThat(kept.goBack(11)).isFalse();
        assertThat(kept.received(10)).isTrue();
        assertThat(kept.goBack(9)).as("what was received is not kept").isFalse();
        assertThat(kept.bytes()).isZero();
    }

    @Test
    void aStreamMayAlwaysKeepALittleAndAHolderLeavesOthersTheirPart() {
        KeptBudget.Share ann = budget.join("ann");
        KeptBudget.Share bob = budget.join("bob");
        budget.take(ann, 3 << 18);
        assertThat(budget.room(ann, 0)).as("three quarters").isEqualTo(KeptBudget.LEAST);
        assertThat(budget.room(bob, 0)).isEqualTo(1 << 18);
        budget.take(bob, 1 << 18);
        assertThat(budget.room(bob, 0)).isEqualTo(KeptBudget.LEAST);
        assertThat(budget.room(bob, KeptBudget.LEAST)).isZero();
        budget.giveBack(ann, 3 << 18);
        budget.giveBack(bob, 1 << 18);
        budget.leave(ann);
        budget.leave(bob);
        assertThat(budget.taken()).isZero();
        assertThat(budget.holders()).isEqualTo(1); // that of the test's own
    }

    /** A name that is never forgotten would be one for each client that there ever was. */
    @Test
    void aHolderWithoutStreamsIsForgotten() {
        Kept one = new Kept(budget, "bob");
        Kept other = new Kept(budget, "bob");
        one.add(bytes(0, 10));
        assertThat(budget.holders()).isEqualTo(2);
        one.close(ImmediateEventExecutor.INSTANCE);
        one.close(ImmediateEventExecutor.INSTANCE);
        assertThat(budget.holders()).as("it still has a stream").isEqualTo(2);
        other.close(ImmediateEventExecutor.INSTANCE);
        assertThat(budget.holders()).isEqualTo(1);
    }
}
