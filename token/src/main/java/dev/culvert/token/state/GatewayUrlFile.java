package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import dev.culvert.token.GatewayUrls;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The file {@code gateway.url}: a URL a line, the ones that new tokens name; and lines {@code was URL} with those that they
 * named earlier, so that tokens made then count on. Whoever wants an end of that removes the line.
 */
final class GatewayUrlFile {
    private static final Document DOCUMENT = Document.open("gateway.url");
    private static final String FORMER = "was ";

    private final Store store;

    GatewayUrlFile(Store store) {
        this.store = store;
    }

    /**
     * What the file says.
     *
     * @param urls what new tokens name; empty if nobody has said yet
     * @param former what earlier ones named
     */
    record Content(List<URI> urls, List<URI> former) {
        Content {
            urls = List.copyOf(urls);
            former = List.copyOf(former);
        }

        List<URI> accepted() {
            List<URI> all = new ArrayList<>(urls);
            all.addAll(former);
            return all;
        }
    }

    Watch<Content> watch() throws StateException {
        return new Watch<>(store, DOCUMENT, this::read);
    }

    Content read() throws StateException {
        return parse(store.get(DOCUMENT));
    }

    private Content parse(@Nullable String content) throws StateException {
        List<URI> urls = new ArrayList<>();
        List<URI> former = new ArrayList<>();
        if (content != null) {
            for (String line : content.split("\n")) {
                String text = line.strip();
                boolean old = text.startsWith(FORMER);
                try {
                    if (!text.isEmpty()) {
                        (old ? former : urls)
                                .add(GatewayUrls.require(URI.create(old ? text.substring(FORMER.length()) : text)));
                    }
                } catch (IllegalArgumentException e) {
                    throw new StateException(
                            store.where(DOCUMENT)
                                    + " does not hold a gateway URL: run token init --gateway wss://host:port",
                            e);
                }
            }
            if (urls.isEmpty()) {
                throw new StateException(store.where(DOCUMENT)
                        + " does not hold a gateway URL: run token init --gateway wss://host:port");
            }
        }
        return new Content(urls, former);
    }

    /**
     * Puts these URLs into the file; those that were there become former ones.
     *
     * @throws IllegalArgumentException if one is not usable, or there are none or too many
     */
    void set(List<URI> urls) throws StateException {
        GatewayUrls.require("gateways", urls);
        change(old -> urls);
    }

    /**
     * Puts this URL to those that are there, if it is not among them; others may add theirs at the same time.
     *
     * @throws IllegalArgumentException if it is not usable, or there are too many
     */
    void add(URI url) throws StateException {
        URI wanted = GatewayUrls.canonical(url);
        if (GatewayUrls.canonical(read().urls).contains(wanted)) {
            return; // also while nothing can be written
        }
        change(old -> {
            List<URI> all = new ArrayList<>(old);
            if (!GatewayUrls.canonical(old).contains(wanted)) {
                all.add(url);
            }
            return all;
        });
    }

    private void change(UnaryOperator<List<URI>> change) throws StateException {
        store.update(DOCUMENT, before -> {
            Content old = parse(before);
            List<URI> wanted = GatewayUrls.require("gateways", change.apply(old.urls));
            if (wanted.equals(old.urls)) {
                return null;
            }
            List<URI> known = GatewayUrls.canonical(wanted);
            List<URI> former = old.accepted().stream()
                    .filter(uri -> !known.contains(GatewayUrls.canonical(uri)))
                    .limit(GatewayUrls.MAX)
                    .toList();
            StringBuilder text = new StringBuilder();
            wanted.forEach(uri -> text.append(uri).append('\n'));
            former.forEach(uri -> text.append(FORMER).append(uri).append('\n'));
            return text.toString();
        });
    }
}
