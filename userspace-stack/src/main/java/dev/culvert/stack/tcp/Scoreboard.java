package dev.culvert.stack.tcp;

/**
 * Which bytes above SND.UNA the peer says it has (RFC 2018, RFC 6675): disjoint ranges in ascending order. It only steers
 * retransmission; it never frees data, and the retransmission timer forgets it (RFC 2018 section 8).
 */
final class Scoreboard {
    /**
     * More holes than that at once are not worth remembering: the lowest stay, a new high range is forgotten, and the peer
     * says it again.
     */
    private static final int MAX_RANGES = 128;

    private static final int[] NONE = new int[0];
    /** RFC 6675 section 2, DupThresh. */
    static final int DUPLICATE_THRESHOLD = 3;

    private int[] left = NONE;
    private int[] right = NONE;
    private int count;

    boolean isEmpty() {
        return count == 0;
    }

    void clear() {
        count = 0;
        left = NONE;
        right = NONE;
    }

    /** The peer has {@code from} up to before {@code to}. Returns whether that is news. */
    boolean add(int from, int to) {
        int i = 0;
        while (i < count && Sequence.before(right[i], from)) {
            i++;
        }
        if (i < count && !Sequence.after(left[i], from) && !Sequence.before(right[i], to)) {
            return false;
        }
        int mergedLeft = from;
        int mergedRight = to;
        int j = i;
        while (j < count && !Sequence.after(left[j], to)) {
            mergedLeft = Sequence.min(mergedLeft, left[j]);
            mergedRight = Sequence.max(mergedRight, right[j]);
            j++;
        }
        if (j == i) {
            if (count == MAX_RANGES) {
                return false;
            }
            if (count == left.length) {
                left = java.util.Arrays.copyOf(left, Math.max(4, count * 2));
                right = java.util.Arrays.copyOf(right, left.length);
            }
            System.arraycopy(left, i, left, i + 1, count - i);
            System.arraycopy(right, i, right, i + 1, count - i);
            count++;
        } else if (j > i + 1) {
            System.arraycopy(left, j, left, i + 1, count - j);
            System.arraycopy(right, j, right, i + 1, count - j);
            count -= j - i - 1;
        }
        left[i] = mergedLeft;
        right[i] = mergedRight;
        return true;
    }

    /** SND.UNA has moved: ranges below it are done with. */
    void advance(int una) {
        int drop = 0;
        while (drop < count && !Sequence.after(right[drop], una)) {
            drop++;
        }
        if (drop > 0) {
            System.arraycopy(left, drop, left, 0, count - drop);
            System.arraycopy(right, drop, right, 0, count - drop);
            count -= drop;
        }
        if (count == 0) {
            left = NONE;
            right = NONE;
        } else if (Sequence.before(left[0], una)) {
            left[0] = una;
        }
    }

    /** {@code sequence}, or the end of the range that holds it. */
    int skip(int sequence) {
        for (int i = 0; i < count && !Sequence.after(left[i], sequence); i++) {
            if (Sequence.before(sequence, right[i])) {
                return right[i];
            }
        }
        return sequence;
    }

    /** The start of the first range above {@code sequence}, or {@code none}. */
    int nextRange(int sequence, int none) {
        for (int i = 0; i < count; i++) {
            if (Sequence.after(left[i], sequence)) {
                return left[i];
            }
        }
        return none;
    }

    /** The end of the highest range, or {@code none}. */
    int highest(int none) {
        return count == 0 ? none : right[count - 1];
    }

    /** IsLost of RFC 6675 section 4: enough above {@code sequence} has arrived, counted in ranges or in bytes. */
    boolean isLost(int sequence, int mss) {
        int ranges = 0;
        int bytes = 0;
        for (int i = count - 1; i >= 0 && Sequence.after(left[i], sequence); i--) {
            ranges++;
            bytes += right[i] - left[i];
            if (ranges >= DUPLICATE_THRESHOLD || bytes > (DUPLICATE_THRESHOLD - 1) * mss) {
                return true;
            }
        }
        return false;
    }

    /**
     * SetPipe of RFC 6675 section 4: the bytes between {@code una} and {@code next} that are believed to be under way, those
     * before {@code retransmitted} having been sent again.
     */
    int pipe(int una, int next, int retransmitted, int mss) {
        int pipe = 0;
        int at = una;
        for (int i = 0; i <= count && Sequence.before(at, next); i++) {
            int hole = i < count ? left[i] : next;
            int size = hole - at;
            if (size > 0) {
                if (!isLost(at, mss)) {
                    pipe += size;
                } else if (Sequence.after(retransmitted, at)) {
                    pipe += Math.min(size, retransmitted - at);
                }
            }
            at = i < count ? right[i] : next;
        }
        return pipe;
    }
}
