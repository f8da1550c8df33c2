package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a visitor in HTTP/1.1 is answered on one connection, read by the letter of RFC 9112 and by nothing of Netty's: anything that a
 * browser could take otherwise is a failure of the test.
 */
public final class StrictAnswers {
    private static final Pattern LINE = Pattern.compile("HTTP/1\\.1 [1-9][0-9]{2} [\\t\\x20-\\x7e\\x80-\\xff]*");

    /** One that is whole. */
    public record Answer(int status, List<String> fields, String body) {
        public List<String> values(String name) {
            return new StrictRequests.Request("", fields, "").values(name);
        }

        /** Whether it is the target's, and not a page of the gateway's own. */
        public boolean isOfTarget() {
            return !values(StrictServer.ANSWERS).isEmpty();
        }

        /** Whether the connection ends behind it. */
        public boolean isLast() {
            return values("connection").contains("close");
        }
    }

    private final List<Answer> whole = new ArrayList<>();
    private final ByteArrayOutputStream rest = new ByteArrayOutputStream();
    private final Queue<String> methods = new ArrayDeque<>();

    /** A request is sent; where this is not said, it is none that HEAD answers. */
    public void asks(String method) {
        methods.add(method);
    }

    /** Takes what has come. */
    public void read(byte[] bytes) {
        rest.writeBytes(bytes);
        for (int taken = next(); taken > 0; taken = next()) {
            byte[] all = rest.toByteArray();
            rest.reset();
            rest.write(all, taken, all.length - taken);
        }
    }

    /** Those that have come whole, but for the ones of 1xx. */
    public List<Answer> whole() {
        return whole;
    }

    /** What has come of one that is not whole. */
    public String pending() {
        return rest.toString(StandardCharsets.ISO_8859_1);
    }

    private int next() {
        String text = pending();
        int end = text.indexOf("\r\n\r\n");
        if (end < 0) {
            assertThat(text.replace("\r\n", "")).doesNotContain("\n");
            return 0;
        }
        if (!whole.isEmpty()) {
            assertThat(whole.get(whole.size() - 1).isLast())
                    .as("%s behind the last", text)
                    .isFalse();
        }
        List<String> lines = List.of(text.substring(0, end).split("\r\n", -1));
        assertThat(lines.get(0)).matches(LINE);
        int status = Integer.parseInt(lines.get(0).substring(9, 12));
        List<String> fields = lines.subList(1, lines.size());
        assertThat(fields).allMatch(f -> StrictRequests.FIELD.matcher(f).matches(), "is a field");
        Answer head = new Answer(status, fields, "");
        StringBuilder body = new StringBuilder();
        Integer at = status < 200 ? Integer.valueOf(end + 4) : body(head, text, end + 4, body);
        if (at == null) {
            return 0;
        }
        if (status >= 200) {
            methods.poll();
            whole.add(new Answer(status, fields, body.toString()));
        }
        return at;
    }

    private @Nullable Integer body(Answer head, String text, int from, StringBuilder body) {
        List<String> lengths = head.values("content-length");
        List<String> codings = head.values("transfer-encoding");
        if ("HEAD".equals(methods.peek()) || head.status() == 204 || head.status() == 304) {
            return from;
        }
        assertThat(lengths.size() + codings.size()).as("%s", head).isEqualTo(1);
        if (!codings.isEmpty()) {
            return StrictRequests.chunked(text, from, codings.get(0), body);
        }
        assertThat(lengths.get(0)).matches(StrictRequests.NUMBER);
        int to = from + Integer.parseInt(lengths.get(0));
        if (text.length() < to) {
            return null;
        }
        body.append(text, from, to);
        return to;
    }
}
