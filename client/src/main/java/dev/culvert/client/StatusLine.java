package dev.culvert.client;

import dev.culvert.command.Printable;
import java.io.PrintStream;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What {@code client up} shows while it runs: one line that lives at the foot of a terminal, and lines of events above
 * it; on anything but a terminal the events only. Any thread.
 */
final class StatusLine {
    private final PrintStream out;
    private final boolean terminal;
    private final long startNanos = System.nanoTime();
    private String line = "";
    private long lastNanos = startNanos;
    private long lastUp;
    private long lastDown;

    StatusLine(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    synchronized void say(String event) {
        erase();
        out.println("client: " + Printable.line(event));
        redraw();
    }

    synchronized void show(ClientSession.Status s) {
        if (!terminal) {
            return;
        }
        long now = System.nanoTime();
        double seconds = Math.max(0.001, (now - lastNanos) / 1e9);
        String agents = s.agents().entrySet().stream()
                .map((Map.Entry<String, Integer> e) ->
                        Printable.shorten(e.getKey()) + (e.getValue() > 0 ? "" : " (down)"))
                .collect(Collectors.joining(" "));
        erase();
        line = String.format(
                Locale.ROOT,
                "%s %s | %s | %d tcp %d udp %d ping | up %s down %s | total %s / %s",
                s.linked() ? "up" : "DOWN",
                clock((now - startNanos) / 1_000_000_000L),
                s.linked()
                        ? String.format(Locale.ROOT, "%.1f ms %s", s.rttMicros() / 1000.0, agents)
                                .strip()
                        : s.trouble(),
                s.tcp(),
                s.udp(),
                s.echo(),
                rate((s.bytesUp() - lastUp) * 8 / seconds),
                rate((s.bytesDown() - lastDown) * 8 / seconds),
                bytes(s.bytesUp()),
                bytes(s.bytesDown()));
        lastNanos = now;
        lastUp = s.bytesUp();
        lastDown = s.bytesDown();
        redraw();
    }

    synchronized void end() {
        erase();
        line = "";
        out.flush();
    }

    private void erase() {
        if (terminal && !line.isEmpty()) {
            out.print("\r\033[K");
        }
    }

    private void redraw() {
        if (terminal && !line.isEmpty()) {
            out.print(Printable.line(line));
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
