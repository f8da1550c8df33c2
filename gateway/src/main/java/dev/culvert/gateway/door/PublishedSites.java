package dev.culvert.gateway.door;

import dev.culvert.gateway.publish.PublicationTable;
import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.Sites;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What is published over HTTP, as {@link dev.culvert.gateway.web} asks for it: a site for each publication. From any thread. */
public final class PublishedSites implements Sites {
    private final Supplier<PublicationTable> published;
    private final Targets targets;

    /** What was made for one is served again; others go with the next change. */
    private final Map<PublicationUsage, PublishedSite> secure = new ConcurrentHashMap<>();

    private final Map<PublicationUsage, PublishedSite> clear = new ConcurrentHashMap<>();

    public PublishedSites(Supplier<PublicationTable> published, Targets targets) {
        this.published = published;
        this.targets = targets;
    }

    @Override
    public @Nullable Site find(String host, String path) {
        return find(host, path, secure, 0);
    }

    /** The same for a connection of which targets may be told whose it is. */
    @Nullable
    Site find(String host, String path, Caller caller) {
        PublishedSite site = find(host, path, secure, 0);
        return site == null ? null : site.of(caller);
    }

    /** The same for browsers that come in the clear: they are sent to https. */
    Sites inTheClear(int httpsPort) {
        return (host, path) -> find(host, path, clear, httpsPort);
    }

    private @Nullable PublishedSite find(
            String host, String path, Map<PublicationUsage, PublishedSite> made, int httpsPort) {
        PublicationTable table = published.get();
        Published there = table.web(host, path);
        PublicationUsage usage = there == null ? null : table.usage(there);
        if (usage == null) {
            return null;
        }
        PublishedSite site = made.get(usage);
        return site != null ? site : made.computeIfAbsent(usage, u -> PublishedSite.of(u, httpsPort, targets));
    }

    /** Forgets the sites of what is in force no more. */
    public void follow(PublicationTable now) {
        secure.keySet().retainAll(now.usages());
        clear.keySet().retainAll(now.usages());
    }
}
