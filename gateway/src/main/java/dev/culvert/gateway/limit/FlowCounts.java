package dev.culvert.gateway.limit;

import dev.culvert.command.metrics.Histogram;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** What becomes of flows, by their protocols. Counted once for a flow, or a path of it, never for a frame. From any thread. */
public final class FlowCounts {
    /** In all that is told of flows, by {@link #index}. */
    private static final List<String> PROTOCOLS = List.of("tcp", "udp", "icmp");

    private static final String FINISHED = "finished";

    /** What is said of each protocol and end of flows. */
    public interface Ends {
        void say(String protocol, String end, long flows);
    }

    /** What is said of each protocol. */
    public interface Openings {
        void say(String protocol, Histogram durations);
    }

    /** Policy, or the token where there is none, has let one through. */
    public final LongAdder allowed = new LongAdder();

    /** Or not. */
    public final LongAdder denied = new LongAdder();

    /** Flows that went on over another path. */
    public final LongAdder resumed = new LongAdder();

    // Of each protocol how many ended without a reason, and then for each reason.
    private final AtomicLongArray ends = new AtomicLongArray(PROTOCOLS.size() * (1 + Reason.values().length));
    private final List<Histogram> openings =
            PROTOCOLS.stream().map(p -> new Histogram()).toList();

    /** The name of a protocol, for people and programs. */
    public static String protocol(Destination destination) {
        return PROTOCOLS.get(index(destination));
    }

    private static int index(Destination destination) {
        return switch (destination.protocol()) {
            case Destination.TCP -> 0;
            case Destination.UDP -> 1;
            default -> 2;
        };
    }

    /** How a flow's end is called, for people and programs. */
    public static String end(@Nullable Reason end) {
        return end == null ? FINISHED : end.name().toLowerCase(Locale.ROOT);
    }

    /** An agent has reached the destination, so long after it was asked for. */
    public void opened(Destination destination, long nanos) {
        openings.get(index(destination)).add(nanos);
    }

    /** One is over, or was refused. */
    public void ended(Destination destination, @Nullable Reason end) {
        ends.getAndIncrement(at(index(destination), end));
    }

    private static int at(int protocol, @Nullable Reason end) {
        return protocol * (1 + Reason.values().length) + (end == null ? 0 : 1 + end.ordinal());
    }

    /** Tells of all ends, of those too that there were none of. */
    public void tell(Ends to) {
        for (int protocol = 0; protocol < PROTOCOLS.size(); protocol++) {
            int of = protocol;
            to.say(PROTOCOLS.get(of), FINISHED, ends.get(at(of, null)));
            Arrays.stream(Reason.values()).forEach(end -> to.say(PROTOCOLS.get(of), end(end), ends.get(at(of, end))));
        }
    }

    /** How long it took to open flows. */
    public void tell(Openings to) {
        for (int i = 0; i < PROTOCOLS.size(); i++) {
            to.say(PROTOCOLS.get(i), openings.get(i));
        }
    }
}
