package dev.culvert.gateway.web;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** One in HTTP/1.1. */
final class StrictTarget implements StrictServer {
    private final StrictRequests requests = new StrictRequests();
    private int answered;

    @Override
    public byte[] hear(byte[] more) {
        requests.read(more);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (answered < requests.whole().size()) {
            StrictRequests.Request request = requests.whole().get(answered++);
            if (!request.path().startsWith(RawVisitor.HOLD)) {
                answer(out, request.path(), request.line().startsWith("HEAD "));
            }
        }
        if (answered == requests.whole().size() && requests.pending().startsWith(RawVisitor.EARLY)) {
            answered++;
            answer(out, requests.pending(), false);
        }
        return out.toByteArray();
    }

    @Override
    public List<StrictRequests.Request> whole() {
        return requests.whole();
    }

    @Override
    public int begun() {
        return requests.begun();
    }

    private static void answer(ByteArrayOutputStream out, String path, boolean toHead) {
        String content = StrictServer.content(path);
        out.writeBytes(("HTTP/1.1 200 OK\r\n" + ANSWERS + ": " + path + "\r\nContent-Length: " + content.length()
                        + "\r\n\r\n" + (toHead ? "" : content))
                .getBytes(StandardCharsets.ISO_8859_1));
    }
}
