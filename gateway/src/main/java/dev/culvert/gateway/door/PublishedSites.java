package dev.culvert.gateway.door;

import dev.culvert.gateway.publish.PublicationTable;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.SiteOptions;
import dev.culvert.gateway.web.Sites;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What is published over HTTP, as {@link dev.culvert.gateway.web} asks for it. From any thread. */
public final class PublishedSites implements Sites {
    private final Supplier<PublicationTable> published;
    private final PublishedFlows flows;
    private final TargetTls tls = new TargetTls();

    public PublishedSites(Supplier<PublicationTable> published, PublishedFlows flows) {
        this.published = published;
        this.flows = flows;
    }

    @Override
    public @Nullable Site find(String host, String path) {
        return find(host, path, 0);
    }

    /** The same for browsers that come in the clear: they are sent to https. */
    Sites inTheClear(int httpsPort) {
        return (host, path) -> find(host, path, httpsPort);
    }

    private @Nullable Site find(String host, String path, int httpsPort) {
        Published there = published.get().web(host, path);
        return there == null ? null : new PublishedSite(there, httpsPort, this);
    }

    /** A publication; two of one are equal, so that connections to its target are used again. */
    private record PublishedSite(Published published, int httpsPort, PublishedSites sites) implements Site {
        @Override
        public String name() {
            return published.publication().at().toString();
        }

        @Override
        public SiteOptions options() {
            PublicationOptions own = published.publication().options();
            SiteOptions options = SiteOptions.PLAIN.withHost(own.host()).withHttps(httpsPort, own.hsts());
            return own.stripPrefix()
                    ? options.withPath(((WebName) published.publication().at()).path(), "")
                    : options;
        }

        @Override
        public Future<? extends Channel> connect(EventLoop loop) {
            if (published.publication().to().scheme() == Scheme.H2C) {
                // What speaks HTTP/2 alone would take HTTP/1.1 for garbage: better no answer of its than a wrong one.
                return loop.newFailedFuture(new FlowException(Reason.UNSPECIFIED, "h2c:// targets are not served yet"));
            }
            Future<? extends Channel> flow =
                    sites.flows.connect(loop, published.agent(), null, published.destination(), null);
            return published.publication().to().scheme() == Scheme.HTTPS
                    ? sites.tls.over(flow, published.publication(), loop)
                    : flow;
        }
    }
}
