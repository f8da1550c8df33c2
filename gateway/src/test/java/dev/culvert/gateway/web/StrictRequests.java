package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a target is sent on one connection, read by the letter of RFC 9112 and by nothing of Netty's: anything that another server could
 * take otherwise is a failure of the test.
 */
public final class StrictRequests {
    static final Pattern LINE = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+ (/[!-~&&[^#]]*|\\*) HTTP/1\\.1");
    static final Pattern FIELD = Pattern.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*)");
    static final Pattern NUMBER = Pattern.compile("0|[1-9][0-9]{0,17}");
    private static final Pattern SIZE = Pattern.compile("[0-9a-fA-F]{1,8}");

    /** One that is whole. */
    public record Request(String line, List<String> fields, String body) {
        public List<String> values(String name) {
            return fields.stream()
                    .filter(f -> f.regionMatches(true, 0, name + ":", 0, name.length() + 1))
                    .map(f -> f.substring(name.length() + 1).strip())
                    .toList();
        }

        public String path() {
            return line.split(" ", -1)[1];
        }
    }

    private final List<Request> whole = new ArrayList<>();
    private final ByteArrayOutputStream rest = new ByteArrayOutputStream();
    private int begun;
    private boolean headRead;
    private String pending = "";

    /** Takes what has come. */
    public void read(byte[] bytes) {
        rest.writeBytes(bytes);
        for (int taken = next(); taken > 0; taken = next()) {
            byte[] all = rest.toByteArray();
            rest.reset();
            rest.write(all, taken, all.length - taken);
            headRead = false;
            pending = "";
        }
    }

    /** Requests that have come whole. */
    public List<Request> whole() {
        return whole;
    }

    /** The path of the one whose head has come, and not all of it; empty for none. */
    public String pending() {
        return pending;
    }

    /** Requests whose head has come. */
    public int begun() {
        return begun;
    }

    /** How many bytes the first request has; 0 when it is not whole. */
    private int next() {
        String text = rest.toString(StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        if (end < 0) {
            assertThat(text.replace("\r\n", "")).doesNotContain("\n");
            return 0;
        }
        List<String> lines = List.of(text.substring(0, end).split("\r\n", -1));
        assertThat(lines.get(0)).matches(LINE);
        List<String> fields = lines.subList(1, lines.size());
        assertThat(fields).allMatch(f -> FIELD.matcher(f).matches(), "is a field");
        if (!headRead) {
            headRead = true;
            begun++;
        }
        Request head = new Request(lines.get(0), fields, "");
        pending = head.path();
        List<String> lengths = head.values("content-length");
        List<String> codings = head.values("transfer-encoding");
        assertThat(head.values("host")).hasSize(1);
        assertThat(lengths.size() + codings.size()).as("%s", head).isLessThan(2);
        fields.forEach(StrictRequests::isNoneThatACgiProgramMistakes);
        StringBuilder body = new StringBuilder();
        Integer at =
                codings.isEmpty() ? sized(text, end + 4, lengths, body) : chunked(text, end + 4, codings.get(0), body);
        if (at == null) {
            return 0;
        }
        whole.add(new Request(head.line(), fields, body.toString()));
        return at;
    }

    static void isNoneThatACgiProgramMistakes(String field) {
        assertThat(field).doesNotMatch("(?is)(content_length|transfer_encoding|host_).*");
    }

    private static @Nullable Integer sized(String text, int from, List<String> lengths, StringBuilder body) {
        int length = 0;
        if (!lengths.isEmpty()) {
            assertThat(lengths.get(0)).matches(NUMBER);
            length = Integer.parseInt(lengths.get(0));
        }
        if (text.length() - from < length) {
            return null;
        }
        body.append(text, from, from + length);
        return from + length;
    }

    /** Where it ends; null while it does not. */
    static @Nullable Integer chunked(String text, int from, String coding, StringBuilder body) {
        assertThat(coding).isEqualTo("chunked");
        int at = from;
        while (true) {
            int line = text.indexOf("\r\n", at);
            if (line < 0) {
                return null;
            }
            String said = text.substring(at, line);
            assertThat(said).matches(SIZE);
            int size = Integer.parseInt(said, 16);
            at = line + 2;
            if (size == 0) {
                break;
            }
            if (text.length() - at < size + 2) {
                return null;
            }
            body.append(text, at, at + size);
            assertThat(text.substring(at + size, at + size + 2)).isEqualTo("\r\n");
            at += size + 2;
        }
        while (true) {
            int line = text.indexOf("\r\n", at);
            if (line < 0) {
                return null;
            }
            String trailer = text.substring(at, line);
            at = line + 2;
            if (trailer.isEmpty()) {
                return at;
            }
            assertThat(trailer).matches(FIELD);
        }
    }
}
