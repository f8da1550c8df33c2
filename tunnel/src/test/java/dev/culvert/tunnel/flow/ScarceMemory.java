package dev.culvert.tunnel.flow;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledDirectByteBuf;
import io.netty.channel.EventLoop;
import java.util.List;

/** Ends that may keep little of what they have sent, for simulations: with what a process has they would never come to its bound. */
public final class ScarceMemory {
    private ScarceMemory() {}

    /** Has no more to give once it is spent. */
    static final class Allocator extends AbstractByteBufAllocator {
        boolean isSpent;

        @Override
        protected ByteBuf newHeapBuffer(int capacity, int max) {
            return newDirectBuffer(capacity, max);
        }

        @Override
        protected ByteBuf newDirectBuffer(int capacity, int max) {
            if (isSpent) {
                throw new OutOfMemoryError("no memory for buffers");
            }
            return new UnpooledDirectByteBuf(this, capacity, max);
        }

        @Override
        public boolean isDirectBufferPooled() {
            return false;
        }
    }

    /** @param bytes that may be kept */
    public static OpenedFlows opened(EventLoop loop, ClientSession session, OpenedFlows.Listener listener, long bytes) {
        return new OpenedFlows(loop, session, listener, new KeptBudget(bytes));
    }

    /** @param bytes that may be kept */
    public static AnsweredFlows answered(EventLoop loop, int mostHeld, AnsweredFlows.Judge judge, long bytes) {
        return new AnsweredFlows(loop, mostHeld, judge, new KeptBudget(bytes));
    }

    /** What all flows of this process have of its memory. */
    public static long taken() {
        return FlowMemory.PROCESS.taken();
    }

    /** Flows without a path, the longest held of each holder first. */
    public static List<LinkFlow> held(FlowSession session) {
        return session.allHeld();
    }

    /** Since when the flow's latest path was there. */
    public static long attachedNanos(LinkFlow flow) {
        return flow.attachedNanos();
    }

    /** Whether the flow had to give way to others that are held. */
    public static boolean isTooMuchHeld(FlowException why) {
        return FlowSession.TOO_MUCH_HELD.equals(why.getMessage());
    }
}
