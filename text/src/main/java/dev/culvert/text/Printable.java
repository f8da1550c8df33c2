package dev.culvert.text;

/**
 * The one rule for text that somebody else chose (a peer, a stranger, a file), wherever people or programs read it: on a
 * terminal, in a log, in the audit log, in JSON. What moves a cursor, ends a line, turns the direction of writing or is not
 * seen at all is written as {@code &#92;uXXXX}; letters of every script stay what they are.
 *
 * <p>A backslash is left alone, so that text may pass here twice, and the escape is JSON's own: the text of a JSON document
 * stays that document.
 */
public final class Printable {
    /** Enough to recognise one's own typing, too little to flood a line. */
    private static final int MAX_QUOTED = 80;

    /** What a peer may tell us of a failure: the close text of a WebSocket (123 bytes), and an error of ours with a path in it. */
    private static final int MAX_TEXT = 400;

    /** A whole line. A list of hundreds of routes is longer; nobody reads it. */
    static final int MAX_LINE = 8192;

    private Printable() {}

    /** The text with what cannot be seen, or makes others be seen otherwise, escaped. Of unbounded length. */
    public static String escape(String text) {
        int from = 0;
        while (from < text.length() && isPlain(text.charAt(from))) {
            from++;
        }
        if (from == text.length()) {
            return text;
        }
        StringBuilder out = new StringBuilder(text.length() + 32).append(text, 0, from);
        for (int i = from; i < text.length(); ) {
            int c = text.codePointAt(i);
            int next = i + Character.charCount(c);
            if (isSeen(c)) {
                out.appendCodePoint(c);
            } else {
                for (; i < next; i++) {
                    out.append("\\u").append(Integer.toHexString(0x10000 | text.charAt(i)), 1, 5);
                }
            }
            i = next;
        }
        return out.toString();
    }

    /** {@link #escape} of at most 80 characters of it: what is quoted within a line. */
    public static String shorten(String text) {
        return shorten(text, MAX_QUOTED);
    }

    /** {@link #escape} of at most 400 characters of it: what a peer says of itself. */
    public static String text(String text) {
        return shorten(text, MAX_TEXT);
    }

    /** {@link #escape} of at most 8,192 characters of it: a whole line, for a terminal or a log. */
    public static String line(String text) {
        return shorten(text, MAX_LINE);
    }

    /** {@link #escape} of at most {@code max} characters of it, and {@code ...} when there are more. */
    public static String shorten(String text, int max) {
        if (text.length() <= max) {
            return escape(text);
        }
        int end = max > 0 && Character.isHighSurrogate(text.charAt(max - 1)) ? max - 1 : max;
        return escape(text.substring(0, end)) + "...";
    }

    private static boolean isPlain(char c) {
        return c >= ' ' && c < 0x7f;
    }

    private static boolean isSeen(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, // C0, DEL, C1
                    Character.FORMAT, // bidirectional overrides, joiners, tags
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE, // one without the other
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED -> false;
            case Character.SPACE_SEPARATOR -> c == ' '; // the others look like it, or like nothing
            default -> true;
        };
    }
}
