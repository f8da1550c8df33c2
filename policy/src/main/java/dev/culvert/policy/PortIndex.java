package dev.culvert.policy;

import dev.culvert.address.PortRanges;
import dev.culvert.address.Transport;
import dev.culvert.token.PortRules;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** By transport and port, the first rule that speaks of it. Ranges lie apart and ascend. Immutable. */
final class PortIndex {
    /** No rule; greater than the index of any. */
    static final int NONE = Integer.MAX_VALUE;

    private final int[] tcp;
    private final int[] udp;
    private final int icmp;

    /** Each of these lists holds first port, last port and rule of one range after another. */
    private PortIndex(int[] tcp, int[] udp, int icmp) {
        this.tcp = tcp;
        this.udp = udp;
        this.icmp = icmp;
    }

    /** The first rule for this port, or {@link #NONE}. */
    int rule(Transport transport, int port) {
        return switch (transport) {
            case TCP -> find(tcp, port);
            case UDP -> find(udp, port);
            case ICMP -> icmp;
        };
    }

    private static int find(int[] ranges, int port) {
        int low = 0;
        int high = ranges.length / 3 - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (port < ranges[3 * middle]) {
                high = middle - 1;
            } else if (port > ranges[3 * middle + 1]) {
                low = middle + 1;
            } else {
                return ranges[3 * middle + 2];
            }
        }
        return NONE;
    }

    /** Collects rules in the order of the file. */
    static final class Builder {
        private final TreeMap<Integer, int[]> tcp = new TreeMap<>();
        private final TreeMap<Integer, int[]> udp = new TreeMap<>();
        private int icmp = NONE;

        void add(PortRules ports, int rule) {
            add(tcp, ports.tcp(), rule);
            add(udp, ports.udp(), rule);
            if (ports.icmp()) {
                icmp = Math.min(icmp, rule);
            }
        }

        private static void add(TreeMap<Integer, int[]> map, PortRanges ports, int rule) {
            for (int i = 0; i < ports.ranges(); i++) {
                int at = ports.first(i);
                int last = ports.last(i);
                // Only what no earlier rule has: so the first stays, and the ranges stay apart.
                while (at <= last) {
                    Map.Entry<Integer, int[]> before = map.floorEntry(at);
                    if (before != null && before.getValue()[0] >= at) {
                        at = before.getValue()[0] + 1;
                        continue;
                    }
                    Integer after = map.higherKey(at);
                    int end = after == null ? last : Math.min(last, after - 1);
                    map.put(at, new int[] {end, rule});
                    at = end + 1;
                }
            }
        }

        PortIndex build() {
            return new PortIndex(flat(tcp), flat(udp), icmp);
        }

        private static int[] flat(TreeMap<Integer, int[]> map) {
            int[] out = new int[3 * map.size()];
            int n = 0;
            for (Map.Entry<Integer, int[]> e : map.entrySet()) {
                out[n++] = e.getKey();
                out[n++] = e.getValue()[0];
                out[n++] = e.getValue()[1];
            }
            return out;
        }
    }

    /** A prefix's own rules, and the next wider prefix that has some. */
    record Nested(PortIndex own, @Nullable Nested wider) {
        int rule(Transport transport, int port) {
            int first = NONE;
            for (Nested n = this; n != null; n = n.wider) {
                first = Math.min(first, n.own.rule(transport, port));
            }
            return first;
        }
    }
}
