package dev.culvert.gateway.certificate.acme;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;

/** Moments at which something happened, oldest first, of which only so many may be within some time. */
final class Times {
    private Times() {}

    /** When there is room for one more: {@link Instant#EPOCH} if there was all along. */
    static Instant freeAt(List<Instant> times, int max, Duration within) {
        return times.size() < max
                ? Instant.EPOCH
                : times.get(times.size() - max).plus(within);
    }

    static void write(List<Instant> times, ArrayNode to) {
        times.forEach(t -> to.add(t.getEpochSecond()));
    }

    static List<Instant> list(ArrayNode from) {
        List<Instant> out = new ArrayList<>();
        from.forEach(n -> out.add(of(n)));
        return List.copyOf(out);
    }

    static Instant of(JsonNode seconds) {
        return Instant.ofEpochSecond(seconds.longValue());
    }
}
