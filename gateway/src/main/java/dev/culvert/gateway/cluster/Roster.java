package dev.culvert.gateway.cluster;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.text.Printable;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.Comparator;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which gateways the cluster has: the document {@code gateways}, a JSON object a line. One that stops in order takes itself out; one that
 * is lost stays for a day, so that people see that it is missing. Blocks.
 */
final class Roster {
    private static final Logger log = LoggerFactory.getLogger(Roster.class);

    /** Far more than tokens name. */
    static final int MAX = 64;

    static final Duration REMEMBERED = Duration.ofDays(1);

    private static final Document DOCUMENT = Document.open("gateways");

    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private final Store store;

    Roster(Store store) {
        this.store = store;
    }

    /** Another one when it was written; null when there is none. */
    @Nullable
    String version() throws StateException {
        return store.version(DOCUMENT);
    }

    /** All that are on it, by their names; the caller's to change. */
    Map<String, Member> read() throws StateException {
        return parse(store.get(DOCUMENT));
    }

    /** Whether it was lost so long ago that nobody asks for it any more. */
    static boolean isOver(Member one, Instant now) {
        Instant lost = one.lost();
        return lost != null && lost.plus(REMEMBERED).isBefore(now);
    }

    /**
     * A gateway is there. Where there are too many, the one that was lost first gives way.
     *
     * @throws IllegalArgumentException if none of them is lost
     */
    void add(Member member, Instant now) throws StateException {
        change(now, all -> {
            all.put(member.name(), member);
            if (all.size() > MAX) {
                Member first = Collections.min(
                        all.values(), Comparator.comparing(one -> Objects.requireNonNullElse(one.lost(), Instant.MAX)));
                if (first.lost() == null) {
                    throw new IllegalArgumentException("a cluster has at most " + MAX
                            + " gateways, and so many are up: stop one of them, or this one");
                }
                all.remove(first.name());
            }
        });
    }

    /** Takes out those that were lost long ago. */
    void forget(Instant now) throws StateException {
        change(now, all -> {});
    }

    /** A gateway has gone, in order; not another one of its name. */
    void remove(Member member, Instant now) throws StateException {
        change(
                now,
                all -> all.computeIfPresent(
                        member.name(), (name, there) -> there.since().equals(member.since()) ? null : there));
    }

    /** A gateway keeps its lease no longer, or does so again; unless another has said so, or it was started anew. */
    void lost(Member member, boolean gone, Instant now) throws StateException {
        change(
                now,
                all -> all.computeIfPresent(
                        member.name(),
                        (name, there) -> there.since().equals(member.since()) && gone == (there.lost() == null)
                                ? there.lost(gone ? now : null)
                                : there));
    }

    private void change(Instant now, Consumer<Map<String, Member>> change) throws StateException {
        store.update(DOCUMENT, before -> {
            Map<String, Member> all = parse(before);
            all.values().removeIf(one -> isOver(one, now));
            change.accept(all);
            StringBuilder text = new StringBuilder();
            all.values()
                    .forEach(one -> text.append(JSON.writeValueAsString(one)).append('\n'));
            return text.toString().equals(before) ? null : text.toString();
        });
    }

    /** What is no gateway is nobody whom one could ask; the next writing leaves it out. */
    private static Map<String, Member> parse(@Nullable String text) {
        Map<String, Member> all = new TreeMap<>();
        if (text != null) {
            for (String line : text.split("\n")) {
                try {
                    if (!line.isBlank()) {
                        Member one = JSON.readValue(line, Member.class);
                        all.put(one.name(), one);
                    }
                } catch (JacksonException | NullPointerException e) {
                    log.warn("the list of the store's gateways has a line that is none: {}", Printable.shorten(line));
                }
            }
        }
        return all;
    }
}
