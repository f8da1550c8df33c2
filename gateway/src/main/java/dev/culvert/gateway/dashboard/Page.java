package dev.culvert.gateway.dashboard;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files of the page, from the program's jar; nothing else of it can be asked for.
 *
 * @param type for Content-Type
 * @param etag RFC 9110 8.8.3, with its quotes
 */
record Page(String type, String etag, byte[] content) {
    private static final String SCRIPT = "text/javascript; charset=utf-8";
    private static final String STYLE = "text/css; charset=utf-8";

    private record Source(String path, String resource, String type) {}

    private static final List<Source> SOURCES = List.of(
            new Source("/", "page/index.html", "text/html; charset=utf-8"),
            new Source("/style.css", "page/style.css", STYLE),
            new Source("/icon.svg", "page/icon.svg", "image/svg+xml"),
            new Source("/main.js", "page/main.js", SCRIPT),
            new Source("/picture.js", "page/picture.js", SCRIPT),
            new Source("/table.js", "page/table.js", SCRIPT),
            new Source("/words.js", "page/words.js", SCRIPT));

    /**
     * All of them by their paths.
     *
     * @throws IOException when the jar has not all
     */
    static Map<String, Page> all() throws IOException {
        Map<String, Page> all = new HashMap<>();
        for (Source source : SOURCES) {
            try (@Nullable InputStream in = Page.class.getResourceAsStream(source.resource)) {
                if (in == null) {
                    throw new IOException("the dashboard's " + source.resource + " is missing in this installation:"
                            + " install it again");
                }
                byte[] content = in.readAllBytes();
                all.put(source.path, new Page(source.type, etag(content), content));
            }
        }
        return Map.copyOf(all);
    }

    private static String etag(byte[] content) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
            return '"'
                    + Base64.getUrlEncoder()
                            .withoutPadding()
                            .encodeToString(digest)
                            .substring(0, 22)
                    + '"';
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
