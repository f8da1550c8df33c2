package dev.culvert.gateway.dashboard;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * All that there is to see at one moment: sections, in each of them rows by their keys, each row a JSON object. Two of them give what
 * has changed. Never changes itself.
 */
final class Scene {
    private static final JsonMapper JSON = JsonMapper.builder()
            .changeDefaultPropertyInclusion(all -> all.withValueInclusion(JsonInclude.Include.NON_NULL))
            .build();

    private final long atMillis;
    private final Map<String, Map<String, String>> sections;

    private Scene(long atMillis, Map<String, Map<String, String>> sections) {
        this.atMillis = atMillis;
        this.sections = sections;
    }

    /** Rows are put into it, then it is made. */
    static final class Builder {
        private final Map<String, Map<String, String>> sections = new LinkedHashMap<>();

        /** @param row a record or a map */
        void put(String section, String key, Object row) {
            rows(section).put(key, JSON.writeValueAsString(row));
        }

        /** A section is there without rows, too. */
        Map<String, String> rows(String section) {
            return sections.computeIfAbsent(section, s -> new LinkedHashMap<>());
        }

        /** @param atMillis when it was so, by a clock that only goes forwards */
        Scene make(long atMillis) {
            return new Scene(atMillis, sections);
        }
    }

    /** All of it. */
    String whole() {
        StringBuilder out = new StringBuilder();
        begin(out, true);
        boolean first = true;
        for (Map.Entry<String, Map<String, String>> section : sections.entrySet()) {
            first = name(out, first, section.getKey());
            rows(out, section.getValue());
        }
        return out.append("}}").toString();
    }

    /** What of it is otherwise than it was. */
    String since(Scene before) {
        StringBuilder out = new StringBuilder();
        begin(out, false);
        boolean first = true;
        Map<String, List<String>> gone = new LinkedHashMap<>();
        for (Map.Entry<String, Map<String, String>> section : sections.entrySet()) {
            Map<String, String> old = before.sections.getOrDefault(section.getKey(), Map.of());
            Map<String, String> changed = new LinkedHashMap<>();
            section.getValue().forEach((key, row) -> {
                if (!row.equals(old.get(key))) {
                    changed.put(key, row);
                }
            });
            List<String> missing = new ArrayList<>(old.keySet());
            missing.removeIf(section.getValue()::containsKey);
            if (!missing.isEmpty()) {
                gone.put(section.getKey(), missing);
            }
            if (!changed.isEmpty()) {
                first = name(out, first, section.getKey());
                rows(out, changed);
            }
        }
        return out.append("},\"gone\":")
                .append(JSON.writeValueAsString(gone))
                .append('}')
                .toString();
    }

    private void begin(StringBuilder out, boolean whole) {
        out.append("{\"at\":")
                .append(atMillis)
                .append(",\"whole\":")
                .append(whole)
                .append(",\"rows\":{");
    }

    private static boolean name(StringBuilder out, boolean first, String name) {
        out.append(first ? "" : ",").append(JSON.writeValueAsString(name)).append(':');
        return false;
    }

    private static void rows(StringBuilder out, Map<String, String> rows) {
        char separator = '{';
        for (Map.Entry<String, String> row : rows.entrySet()) {
            out.append(separator)
                    .append(JSON.writeValueAsString(row.getKey()))
                    .append(':')
                    .append(row.getValue());
            separator = ',';
        }
        out.append(separator == '{' ? "{}" : "}");
    }

    /** A row, as JSON; for tests. */
    @Nullable
    String row(String section, String key) {
        return sections.getOrDefault(section, Map.of()).get(key);
    }
}
