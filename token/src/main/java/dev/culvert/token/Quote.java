package dev.culvert.token;

/** Makes text from outside fit for a one-line message. */
public final class Quote {
    /** Enough to recognise one's own typing, too little to flood a log. */
    private static final int MAX_SHOWN = 80;

    private Quote() {}

    /** The text cut to a bounded length, with everything that is not printable ASCII replaced by '?'. */
    public static String shorten(String text) {
        int shown = Math.min(text.length(), MAX_SHOWN);
        StringBuilder out = new StringBuilder(shown + 3);
        for (int i = 0; i < shown; i++) {
            char c = text.charAt(i);
            out.append(c >= ' ' && c < 0x7f ? c : '?');
        }
        return text.length() > shown ? out.append("...").toString() : out.toString();
    }
}
