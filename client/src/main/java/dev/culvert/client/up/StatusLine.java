package dev.culvert.client.up;

import dev.culvert.client.uplink.Uplink;
import dev.culvert.command.Program;
import dev.culvert.text.Printable;
import dev.culvert.tun.device.TunStats;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * What {@code client up} shows while it runs: one line that lives at the foot of a terminal, and lines of events above
 * it; on anything but a terminal the events only. Any thread.
 */
final class StatusLine {
    private static final String ERASE = "\r\033[K";

    /** A terminal that becomes narrower between two looks then cuts the line, rather than begin another. */
    private static final String NO_WRAP = "\033[?7l";

    private static final String WRAP = "\033[?7h";

    private final PrintStream out;
    private final boolean terminal;
    private final IntSupplier columns;
    private final LongSupplier nanoTime;
    private final long startNanos;
    private String line = "";
    private long lastNanos;
    private long lastUp;
    private long lastDown;

    /**
     * @param terminal whether {@code out} is one
     * @param columns how many it has now
     * @param nanoTime what {@link System#nanoTime} says
     */
    StatusLine(PrintStream out, boolean terminal, IntSupplier columns, LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.startNanos = nanoTime.getAsLong();
        this.lastNanos = startNanos;
        this.out = out;
        this.terminal = terminal;
        this.columns = columns;
    }

    synchronized void say(String event) {
        erase();
        out.println(Program.line("client", "INFO", event));
        redraw();
    }

    synchronized void show(TunSession.Status s, TunStats t) {
        if (!terminal) {
            return;
        }
        long now = nanoTime.getAsLong();
        double seconds = Math.max(0.001, (now - lastNanos) / 1e9);
        erase();
        line = fit(parts(s, t, (now - startNanos) / 1_000_000_000L, seconds), columns.getAsInt() - 1);
        lastNanos = now;
        lastUp = t.bytesIn();
        lastDown = t.bytesOut();
        redraw();
    }

    /** The parts of the line; the first ones matter most. */
    private List<String> parts(TunSession.Status s, TunStats t, long upSeconds, double seconds) {
        List<String> parts = new ArrayList<>();
        Uplink.Status uplink = s.link();
        parts.add((uplink.linked() ? "up " : "DOWN ") + clock(upSeconds));
        if (!uplink.linked()) {
            parts.add(Printable.line(uplink.trouble()));
            return parts;
        }
        StringBuilder link = new StringBuilder(String.format(Locale.ROOT, "%.1f ms", uplink.rttMicros() / 1000.0));
        for (Map.Entry<String, Integer> agent : uplink.agents().entrySet()) {
            link.append(' ').append(Printable.shorten(agent.getKey())).append(agent.getValue() > 0 ? "" : " (down)");
        }
        parts.add(link.toString());
        parts.add(String.format(Locale.ROOT, "%d tcp %d udp %d ping", s.tcp(), s.udp(), s.echo()));
        parts.add("up " + rate((t.bytesIn() - lastUp) * 8 / seconds) + " down "
                + rate((t.bytesOut() - lastDown) * 8 / seconds));
        parts.add("total " + bytes(t.bytesIn()) + " / " + bytes(t.bytesOut()));
        return parts;
    }

    /** As many of the parts as have room; one that alone is too long is cut. */
    static String fit(List<String> parts, int room) {
        StringBuilder out = new StringBuilder();
        for (String part : parts) {
            String next = out.isEmpty() ? part : " | " + part;
            int left = room - width(out);
            if (width(next) > left) {
                // What is left says whether the link is up, and through whom, or why not.
                return parts.indexOf(part) < 2 ? out + cut(next, left) : out.toString();
            }
            out.append(next);
        }
        return out.toString();
    }

    private static String cut(String text, int room) {
        if (room < 1) {
            return "";
        }
        int end = 0;
        for (int used = 1; end < text.length(); ) {
            int c = text.codePointAt(end);
            used += width(c);
            if (used > room) {
                break;
            }
            end += Character.charCount(c);
        }
        return text.substring(0, end) + "…";
    }

    private static int width(CharSequence text) {
        return text.codePoints().map(StatusLine::width).sum();
    }

    /** Columns of a letter; from here on scripts have wide ones, and too short a line does no harm. */
    private static int width(int c) {
        return c >= 0x1100 && c != '…' ? 2 : 1;
    }

    synchronized void end() {
        erase();
        line = "";
        out.flush();
    }

    private void erase() {
        if (terminal && !line.isEmpty()) {
            out.print(ERASE);
        }
    }

    private void redraw() {
        if (terminal && !line.isEmpty()) {
            out.print(NO_WRAP + line + WRAP);
        }
        out.flush();
    }

    private static String clock(long s) {
        return String.format(Locale.ROOT, "%02d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    }

    static String rate(double bits) {
        if (bits >= 1e9) {
            return String.format(Locale.ROOT, "%.2f Gbit/s", bits / 1e9);
        }
        return bits >= 1e6
                ? String.format(Locale.ROOT, "%.1f Mbit/s", bits / 1e6)
                : String.format(Locale.ROOT, "%.0f kbit/s", bits / 1e3);
    }

    static String bytes(long n) {
        if (n >= 1_000_000_000L) {
            return String.format(Locale.ROOT, "%.2f GB", n / 1e9);
        }
        return n >= 1_000_000
                ? String.format(Locale.ROOT, "%.1f MB", n / 1e6)
                : String.format(Locale.ROOT, "%d kB", n / 1000);
    }
}
