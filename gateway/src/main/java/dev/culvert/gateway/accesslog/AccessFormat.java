package dev.culvert.gateway.accesslog;

import dev.culvert.gateway.lines.LineQueue;
import dev.culvert.text.Printable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** How lines of the access log are written. */
public enum AccessFormat implements LineQueue.Form<AccessRecord> {
    /** The "combined" format of Apache httpd and nginx, which every tool reads. */
    COMBINED {
        @Override
        public String line(AccessRecord r) {
            return r.visitor() + " - " + word(r.user()) + " [" + TIME.format(r.time()) + "] \""
                    + word(r.method() == null ? "" : r.method()) + ' ' + word(r.target()) + ' ' + r.protocol() + "\" "
                    + (r.status() == 0 ? "-" : Integer.toString(r.status())) + ' ' + r.bytesOut() + " \""
                    + quoted(r.referer()) + "\" \"" + quoted(r.userAgent()) + '"';
        }

        @Override
        public String lost(long records) {
            return "# " + records + " lines are missing here: more came than could be written";
        }
    },

    /** One object, with all that is known. */
    JSON {
        @Override
        public String line(AccessRecord r) {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("time", r.time().truncatedTo(ChronoUnit.MILLIS).toString());
            put(out, "visitor", r.visitor());
            put(out, "source", r.source());
            put(out, "user", r.user().isEmpty() ? null : r.user());
            put(out, "method", r.method());
            put(out, "host", r.host());
            put(out, "target", r.target());
            put(out, "protocol", r.protocol());
            put(out, "status", r.status() == 0 ? null : r.status());
            put(out, "bytesIn", r.bytesIn());
            put(out, "bytesOut", r.bytesOut());
            put(out, "seconds", seconds(r.life()));
            put(out, "firstByteSeconds", seconds(r.firstByte()));
            put(out, "whole", r.whole());
            put(out, "publication", r.publication());
            put(out, "agent", r.agent());
            put(out, "referer", r.referer());
            put(out, "userAgent", r.userAgent());
            put(out, "requestId", r.requestId());
            put(out, "clientLink", r.clientLink());
            put(out, "flow", r.flow());
            return json(out);
        }

        @Override
        public String lost(long records) {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("time", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
            out.put("lost", records);
            return json(out);
        }
    };

    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("dd/MMM/yyyy:HH:mm:ss Z", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);

    private static String json(Map<String, Object> line) {
        return Printable.escape(MAPPER.writeValueAsString(line));
    }

    private static void put(Map<String, Object> out, String name, @Nullable Object value) {
        if (value != null) {
            out.put(name, value instanceof String text ? Printable.escape(text) : value);
        }
    }

    private static @Nullable Double seconds(@Nullable Duration d) {
        return d == null ? null : d.toMillis() / 1000.0;
    }

    /** What stands between spaces: one that is in it would shift all that follows. */
    private static String word(String text) {
        return text.isEmpty() ? "-" : escaped(text, ' ');
    }

    private static String quoted(@Nullable String text) {
        return text == null || text.isEmpty() ? "-" : escaped(text, '"');
    }

    /** Quotes, backslashes, and all but printable ASCII as {@code \xXX}, as nginx has it: no text ends its field or its line. */
    private static String escaped(String text, char also) {
        if (text.chars().allMatch(c -> c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != also)) {
            return text;
        }
        // Bytes of fields are read as ISO 8859-1: they are written as the bytes that came.
        boolean bytes = text.chars().allMatch(c -> c <= 0xff);
        StringBuilder out = new StringBuilder(text.length() + 32);
        for (byte b : text.getBytes(bytes ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8)) {
            int c = b & 0xff;
            if (c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == also) {
                out.append("\\x")
                        .append(Integer.toHexString(0x100 | c).substring(1).toUpperCase(Locale.ROOT));
            } else {
                out.append((char) c);
            }
        }
        return out.toString();
    }
}
