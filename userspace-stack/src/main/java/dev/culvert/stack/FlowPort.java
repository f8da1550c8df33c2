package dev.culvert.stack;

import dev.culvert.stack.ip.IcmpErrors;
import dev.culvert.stack.ip.IpCounters;
import dev.culvert.stack.ip.IpOutput;
import dev.culvert.stack.ip.RecentProbes;
import io.netty.channel.Channel;

/** What flows need of the stack that they belong to. Event loop only. */
interface FlowPort {
    /** The packet channel. */
    Channel channel();

    StackConfig config();

    /** Whether this is one of the addresses that the stack has as a router. */
    boolean isOwn(long high, long low);

    IpOutput output();

    IcmpErrors errors();

    RecentProbes probes();

    IpCounters counters();

    long nanoTime();

    /** Whether packets may be written without piling up. */
    boolean isWritable();

    /** Calls {@link PacketFlow#resumeWrite} when {@link #isWritable} is true again. */
    void awaitWritable(PacketFlow flow);

    /** Calls {@link PacketFlow#batchComplete} when this batch of packets is read. */
    void touched(PacketFlow flow);

    void scheduleFlush();

    /** Sees to it that idle flows are looked for no later than at {@code deadline}, give or take a sweep interval. */
    void sweepAt(long deadline);
}
