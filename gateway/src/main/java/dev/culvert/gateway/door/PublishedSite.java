package dev.culvert.gateway.door;

import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.SiteOptions;
import dev.culvert.gateway.web.Ways;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A publication over HTTP; two of one are equal, so that connections to its target are used again.
 *
 * @param through the instance that its connections go through, by its answerer; null for any
 * @param header what the target is told first on each connection, which are then one visitor's; null for nothing
 */
record PublishedSite(
        PublicationUsage usage,
        SiteOptions options,
        @Nullable String through,
        @Nullable ProxyHeader header,
        Targets targets)
        implements Site, Ways {
    /** @param httpsPort where browsers in the clear are sent; 0 for TLS */
    static PublishedSite of(PublicationUsage usage, int httpsPort, Targets targets) {
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
        return new PublishedSite(usage, options, null, null, targets);
    }

    /** The same for one visitor, if the target is told of those. */
    PublishedSite of(Caller caller) {
        int version = usage.published().publication().options().proxyProtocol();
        return version == 0 ? this : new PublishedSite(usage, options, through, caller.header(version), targets);
    }

    /** Asked for with each request: the options are those of what is used, and whose connection it is tells the rest. */
    @Override
    public int hashCode() {
        return usage.hashCode() + (header == null ? 0 : header.visitor().hashCode());
    }

    @Override
    public boolean mayServe(Channel connection) {
        return targets.mayServe(usage.published(), connection);
    }

    @Override
    public boolean isShared() {
        return header == null;
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
        return targets.connect(loop, usage.published(), through, header);
    }

    @Override
    public Ways ways() {
        return this;
    }

    @Override
    public @Nullable String of(Channel connection) {
        return Targets.answerer(connection);
    }

    @Override
    public @Nullable Way choose(Set<String> tried, Predicate<String> wanted) {
        String answerer =
                targets.instances().choose(usage.published(), tried, wanted).answerer();
        return answerer == null
                ? null
                : new Way(answerer, new PublishedSite(usage, options, answerer, header, targets));
    }

    @Override
    public boolean areKept() {
        return usage.published().publication().options().affinity();
    }

    @Override
    public String mark(String way) {
        return targets.marks().of(usage.published(), way);
    }

    @Override
    public String path() {
        String path = ((WebName) usage.published().publication().at()).path();
        return path.isEmpty() ? "/" : path;
    }

    @Override
    public void unanswered(Channel connection) {
        String answerer = Targets.answerer(connection);
        if (answerer != null) {
            targets.instances().unanswered(usage.published(), answerer);
        }
    }

    @Override
    public void answered(Channel connection) {
        String answerer = Targets.answerer(connection);
        if (answerer != null) {
            targets.instances().answered(usage.published(), answerer);
        }
    }
}
