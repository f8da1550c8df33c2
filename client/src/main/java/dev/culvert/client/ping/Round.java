package dev.culvert.client.ping;

import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One time there and back, all in nanoseconds from here; 0 is not known.
 *
 * @param number from 1 on
 * @param gateway the least round trip of the link until then
 * @param agent until the agent has opened a ping of its own
 * @param host until the host's reply has come through that
 * @param trouble why one of these is missing; null when none is
 */
record Round(
        int number,
        long gateway,
        long agent,
        long host,
        @Nullable String trouble) {
    /** A line for people. */
    String text() {
        List<String> parts = new ArrayList<>();
        add(parts, "gateway", gateway);
        add(parts, "agent", agent);
        add(parts, "host", host);
        if (trouble != null) {
            parts.add(Printable.text(trouble));
        }
        return "seq " + number + ": " + String.join(", ", parts);
    }

    private static void add(List<String> parts, String who, long nanos) {
        if (nanos > 0) {
            parts.add(who + " " + millis(nanos));
        }
    }

    /**
     * What the parts of the way take by themselves: the least of each, less the least of what is before it. Agents work for an opening, and
     * hosts do for a reply, so what is left may be nothing.
     */
    static String summary(List<Round> rounds) {
        long answered = rounds.stream().filter(r -> r.host > 0).count();
        List<String> parts = new ArrayList<>();
        long before = 0;
        before = part(parts, "to the gateway", least(rounds, Round::gateway), before);
        before = part(parts, "on to the agent", least(rounds, Round::agent), before);
        part(parts, "on to the host", least(rounds, Round::host), before);
        return rounds.size() + " sent, " + answered + " answered"
                + (parts.isEmpty() ? "" : "; least: " + String.join(", ", parts));
    }

    private static long part(List<String> parts, String what, OptionalLong least, long before) {
        if (least.isEmpty()) {
            return before;
        }
        parts.add(what + " " + millis(Math.max(0, least.getAsLong() - before)));
        return Math.max(before, least.getAsLong());
    }

    private static OptionalLong least(List<Round> rounds, ToLongFunction<Round> of) {
        return rounds.stream().mapToLong(of).filter(nanos -> nanos > 0).min();
    }

    private static String millis(long nanos) {
        return String.format(Locale.ROOT, "%.1f ms", nanos / 1e6);
    }
}
