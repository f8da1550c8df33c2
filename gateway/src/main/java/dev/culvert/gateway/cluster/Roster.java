package dev.culvert.gateway.cluster;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which gateways the cluster has: the document {@code gateways}, a JSON object a line. One that stops in order takes itself out; one that
 * is lost stays for a day, so that people see that it is missing. Blocks.
 */
final class Roster {
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

    Watch<List<Member>> watch() throws StateException {
        return new Watch<>(
                store, DOCUMENT, () -> List.copyOf(parse(store.get(DOCUMENT)).values()));
    }

    /**
     * A gateway is there.
     *
     * @throws IllegalArgumentException if there are too many
     */
    void add(Member member, Instant now) throws StateException {
        change(now, all -> {
            all.put(member.name(), member);
            if (all.size() > MAX) {
                throw new IllegalArgumentException("a cluster has at most " + MAX + " gateways");
            }
        });
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
            all.values()
                    .removeIf(one ->
                            one.lost() != null && one.lost().plus(REMEMBERED).isBefore(now));
            change.accept(all);
            StringBuilder text = new StringBuilder();
            all.values()
                    .forEach(one -> text.append(JSON.writeValueAsString(one)).append('\n'));
            return text.toString().equals(before) ? null : text.toString();
        });
    }

    private Map<String, Member> parse(@Nullable String text) throws StateException {
        Map<String, Member> all = new TreeMap<>();
        if (text != null) {
            for (String line : text.split("\n")) {
                try {
                    if (!line.isBlank()) {
                        Member one = JSON.readValue(line, Member.class);
                        all.put(one.name(), one);
                    }
                } catch (JacksonException | NullPointerException e) {
                    throw store.corrupt(DOCUMENT, "has a line that is no gateway", e);
                }
            }
        }
        return all;
    }
}
