package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.wire.Tcp;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Every arrangement of a few segments of a short stream, across the wrap of sequence numbers, against a model that is a set of
 * byte positions: what is delivered, what is acknowledged, what is reported as SACK blocks (RFC 2018 section 4).
 */
class ArrivalModelTest {
    private static final String STREAM = "abcdef";
    /** The first byte's sequence number; the wrap falls into the middle of the stream. */
    private static final int FIRST = -3;

    private record Piece(int from, int to, boolean fin) {}

    private static List<Piece> pieces(int length, boolean fins) {
        List<Piece> all = new ArrayList<>();
        for (int from = 0; from < length; from++) {
            for (int to = from + 1; to <= length; to++) {
                all.add(new Piece(from, to, false));
            }
        }
        if (fins) {
            all.add(new Piece(length - 1, length, true));
            all.add(new Piece(length, length, true));
        }
        return all;
    }

    @Test
    void everyThreeSegmentsOfSixBytes() {
        List<Piece> pieces = pieces(6, true);
        int arrangements = 0;
        try (Wire wire = new Wire()) {
            for (Piece a : pieces) {
                for (Piece b : pieces) {
                    for (Piece c : pieces) {
                        arrive(wire, 6, List.of(a, b, c));
                        arrangements++;
                    }
                }
            }
        }
        assertThat(arrangements).isEqualTo(23 * 23 * 23);
    }

    @Test
    void everyFourSegmentsOfFourBytes() {
        List<Piece> pieces = pieces(4, false);
        try (Wire wire = new Wire()) {
            for (Piece a : pieces) {
                for (Piece b : pieces) {
                    for (Piece c : pieces) {
                        for (Piece d : pieces) {
                            arrive(wire, 4, List.of(a, b, c, d));
                        }
                    }
                }
            }
        }
    }

    private static void arrive(Wire wire, int length, List<Piece> arrangement) {
        wire.sent.clear();
        wire.requests.clear();
        Wire.App app = new Wire.App();
        wire.send(Tcp.SYN, FIRST - 1, 0, "", "mss=1460", "sackok");
        TcpFlow flow = wire.requests.get(0).accept(app);
        int acknowledgment = wire.expect("SA").seq + 1;
        wire.send(Tcp.ACK, FIRST, acknowledgment, "");
        TreeSet<Integer> arrived = new TreeSet<>();
        boolean finArrived = false;
        for (Piece piece : arrangement) {
            int before = prefix(arrived);
            boolean finishedBefore = finArrived && before == length;
            for (int i = piece.from; i < piece.to; i++) {
                arrived.add(i);
            }
            finArrived |= piece.fin;
            wire.send(
                    Tcp.ACK | (piece.fin ? Tcp.FIN : 0),
                    FIRST + piece.from,
                    acknowledgment,
                    STREAM.substring(piece.from, piece.to));
            int prefix = prefix(arrived);
            boolean finished = finArrived && prefix == length;
            if (app.read.length() != prefix || !STREAM.startsWith(app.read.toString())) {
                throw new AssertionError(arrangement + " delivered " + app.read + ", prefix=" + prefix);
            }
            Wire.Sent last = wire.sent.peekLast();
            if (last == null || last.ack != FIRST + prefix + (finished ? 1 : 0)) {
                throw new AssertionError(arrangement + " after " + piece + " answered " + last);
            }
            checkBlocks(last, arrived, prefix, piece, arrangement);
            assertThat(app.events.contains("inputShutdown"))
                    .as("%s", arrangement)
                    .isEqualTo(finished);
            assertThat(finishedBefore && !finished).isFalse();
            wire.sent.clear();
        }
        wire.send(Tcp.RST, flow.connection().receiver.next, 0, "");
        assertThat(flow.isOpen()).isFalse();
    }

    /** The blocks are exactly the islands beyond the prefix, and the first holds the segment that has just come. */
    private static void checkBlocks(
            Wire.Sent ack, TreeSet<Integer> arrived, int prefix, Piece piece, List<Piece> arrangement) {
        List<List<Integer>> islands = new ArrayList<>();
        for (int i : arrived.tailSet(prefix)) {
            List<Integer> last = islands.isEmpty() ? null : islands.get(islands.size() - 1);
            if (last != null && last.get(1) == i) {
                islands.set(islands.size() - 1, List.of(last.get(0), i + 1));
            } else {
                islands.add(List.of(i, i + 1));
            }
        }
        List<List<Integer>> reported = new ArrayList<>();
        for (int[] block : ack.sack) {
            reported.add(List.of(block[0] - FIRST, block[1] - FIRST));
        }
        if (reported.size() != islands.size() || !reported.containsAll(islands)) {
            throw new AssertionError(arrangement + ": reported " + reported + ", holds " + islands);
        }
        if (piece.from > prefix && piece.from < piece.to) {
            List<Integer> first = reported.get(0);
            if (first.get(0) > piece.from || first.get(1) < piece.to) {
                throw new AssertionError(arrangement + ": newest block is not first: " + reported);
            }
        }
    }

    private static int prefix(TreeSet<Integer> arrived) {
        int prefix = 0;
        while (arrived.contains(prefix)) {
            prefix++;
        }
        return prefix;
    }
}
