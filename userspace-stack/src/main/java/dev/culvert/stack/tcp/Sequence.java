package dev.culvert.stack.tcp;

/** Comparisons of sequence numbers, which wrap at 2^32 (RFC 9293 section 3.4). */
final class Sequence {
    private Sequence() {}

    static boolean before(int a, int b) {
        return a - b < 0;
    }

    static boolean after(int a, int b) {
        return a - b > 0;
    }

    static int max(int a, int b) {
        return a - b >= 0 ? a : b;
    }

    static int min(int a, int b) {
        return a - b <= 0 ? a : b;
    }
}
