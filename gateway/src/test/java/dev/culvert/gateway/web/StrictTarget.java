package dev.culvert.gateway.web;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The target's end of one connection in HTTP/1.1: it reads by the letter, and answers as {@link RawVisitor} has it. */
public final class StrictTarget {
    private final StrictRequests requests = new StrictRequests();
    private int answered;

    /** Takes what has come, and gives what is to be said. */
    public byte[] hear(byte[] more) {
        requests.read(more);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (answered < requests.whole().size()) {
            StrictRequests.Request request = requests.whole().get(answered++);
            if (!request.path().startsWith(RawVisitor.HOLD)) {
                String content = request.path().startsWith(RawVisitor.LARGE)
                        ? "x".repeat(RawVisitor.LARGE_BYTES)
                        : RawVisitor.ANSWER;
                answer(out, content, request.line().startsWith("HEAD "));
            }
        }
        if (answered == requests.whole().size() && requests.pending().startsWith(RawVisitor.EARLY)) {
            answered++;
            answer(out, RawVisitor.ANSWER, false);
        }
        return out.toByteArray();
    }

    /** Requests that have come whole. */
    public List<StrictRequests.Request> whole() {
        return requests.whole();
    }

    /** Requests whose head has come. */
    public int begun() {
        return requests.begun();
    }

    private static void answer(ByteArrayOutputStream out, String content, boolean toHead) {
        out.writeBytes(("HTTP/1.1 200 OK\r\nContent-Length: " + content.length() + "\r\n\r\n" + (toHead ? "" : content))
                .getBytes(StandardCharsets.ISO_8859_1));
    }
}
