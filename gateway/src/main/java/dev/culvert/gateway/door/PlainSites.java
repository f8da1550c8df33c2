package dev.culvert.gateway.door;

import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.certificate.CertificateState.Standing;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.web.Browser;
import dev.culvert.gateway.web.Refusal;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.SiteOptions;
import dev.culvert.gateway.web.Sites;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.concurrent.Future;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What port 80 answers: certificate authorities what they ask; who comes for a published name is sent to https, or told why that has no
 * certificate yet. From any thread.
 */
final class PlainSites implements Sites {
    /** An order takes some seconds, seldom a minute. */
    private static final int OBTAINING_SECONDS = 10;

    /** What has failed is tried again after minutes. */
    private static final int FAILED_SECONDS = 300;

    private final Sites published;
    private final CertificateSource certificates;
    private final Site challenge;

    /** @param published sends browsers to https */
    PlainSites(Sites published, CertificateSource certificates, Challenges challenges) {
        this.published = published;
        this.certificates = certificates;
        this.challenge = new ChallengeSite(challenges);
    }

    @Override
    public @Nullable Site find(String host, String path) {
        if (path.startsWith(Challenges.HTTP_PATH)) {
            return challenge;
        }
        Site site = published.find(host, path);
        if (site == null || certificates.find(host) != null) {
            return site;
        }
        CertificateState state = certificates.state(host, Instant.now());
        return new Waiting(host, state == null ? Standing.MISSING : state.state(), site);
    }

    @Override
    public Future<String> admit(Site site, HttpRequest request, Browser browser, EventLoop loop) {
        if (site instanceof Waiting waiting) {
            return loop.newFailedFuture(waiting.refusal());
        }
        return site == challenge ? loop.newSucceededFuture("") : published.admit(site, request, browser, loop);
    }

    /**
     * A name that cannot be served over https yet: nobody is let in.
     *
     * @param published what will be served there
     */
    record Waiting(String name, Standing standing, @Nullable Site published) implements Site {
        @Override
        public SiteOptions options() {
            return SiteOptions.PLAIN;
        }

        @Override
        public Future<? extends Channel> connect(EventLoop loop) {
            return loop.newFailedFuture(refusal());
        }

        Refusal refusal() {
            int retry = standing == Standing.OBTAINING ? OBTAINING_SECONDS : FAILED_SECONDS;
            return new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    text(),
                    HttpHeaderNames.RETRY_AFTER,
                    Integer.toString(retry));
        }

        private String text() {
            String none = "There is no certificate for " + name + " yet, so it cannot be visited safely: ";
            return switch (standing) {
                case VALID, EXPIRED, OBTAINING ->
                    "The certificate for " + name + " is being obtained. This takes some seconds: please try again.";
                case UNPROVED ->
                    none + "a certificate authority could not confirm that the name leads here. It is asked again by"
                            + " itself; the reason is in the gateway's log.";
                case DELAYED ->
                    none + "the certificate authority gives none at the moment. It is asked again by itself.";
                case MISSING -> none + "none has been set up. Whoever runs the gateway can give it one.";
            };
        }
    }
}
