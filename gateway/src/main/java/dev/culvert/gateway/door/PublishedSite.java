package dev.culvert.gateway.door;

import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.SiteOptions;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import dev.culvert.tunnel.flow.LinkFlow;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * A publication over HTTP; two of one are equal, so that connections to its target are used again.
 *
 * @param header what the target is told first on each connection, which are then one visitor's; null for nothing
 */
record PublishedSite(
        PublicationUsage usage,
        SiteOptions options,
        @Nullable ProxyHeader header,
        PublishedFlows flows,
        Visitors visitors,
        TargetTls tls)
        implements Site {
    /** @param httpsPort where browsers in the clear are sent; 0 for TLS */
    static PublishedSite of(
            PublicationUsage usage, int httpsPort, PublishedFlows flows, Visitors visitors, TargetTls tls) {
        PublicationOptions own = usage.published().publication().options();
        SiteOptions options = SiteOptions.PLAIN
                .withHost(own.host())
                .withHttps(httpsPort, own.hsts())
                .withMaxBody(own.maxBody());
        if (own.answerSeconds() > 0) {
            options = options.withAnswerSeconds(own.answerSeconds());
        }
        if (own.stripPrefix()) {
            options =
                    options.withPath(((WebName) usage.published().publication().at()).path(), "");
        }
        return new PublishedSite(usage, options, null, flows, visitors, tls);
    }

    /** The same for one visitor, if the target is told of those. */
    PublishedSite of(Caller caller) {
        int version = usage.published().publication().options().proxyProtocol();
        return version == 0 ? this : new PublishedSite(usage, options, caller.header(version), flows, visitors, tls);
    }

    @Override
    public String name() {
        return usage.published().publication().at().toString();
    }

    @Override
    public boolean speaksHttp2() {
        return usage.published().publication().to().scheme() == Scheme.H2C;
    }

    @Override
    public Future<? extends Channel> connect(EventLoop loop) {
        Published published = usage.published();
        ProxyHeader first = header;
        InetSocketAddress source = first == null ? null : first.visitor().from();
        Future<LinkFlow> flow = flows.connect(loop, published.agent(), null, published.destination(), source);
        flow.addListener(f -> {
            if (f.isSuccess()) {
                visitors.opened(flow.getNow(), published.place());
            }
        });
        if (first != null) {
            flow.addListener(
                    f -> { // before anybody else hears of it
                        if (f.isSuccess()) {
                            Channel channel = (Channel) f.getNow();
                            channel.writeAndFlush(first.encode(), channel.voidPromise());
                        }
                    });
        }
        return published.publication().to().scheme() == Scheme.HTTPS
                ? tls.over(flow, published.publication(), loop)
                : flow;
    }
}
