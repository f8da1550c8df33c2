package dev.culvert.gateway.web;

import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a site is served.
 *
 * @param publicPath the path under which it is published, without a slash at its end; empty for all
 * @param targetPath what {@code publicPath} is replaced by on the way to the target, without a slash at its end
 * @param host what the target is sent as {@code Host}; null for what the browser said
 * @param httpsPort requests in the clear are sent to https at this port; 0 when they are served
 * @param hstsSeconds for how long browsers shall use https only; 0 for not to be said
 * @param maxBody most bytes of a request's body
 * @param allowed from where it may be asked; empty for everywhere
 * @param answerSeconds how long the target may take to begin its answer
 */
public record SiteOptions(
        String publicPath,
        String targetPath,
        @Nullable String host,
        int httpsPort,
        long hstsSeconds,
        long maxBody,
        List<IpPrefix> allowed,
        int answerSeconds) {
    /** As long as other reverse proxies wait; long polls are answered within it. */
    public static final int ANSWER_SECONDS = 60;

    /** Everything as it comes. */
    public static final SiteOptions PLAIN =
            new SiteOptions("", "", null, 0, 0, Long.MAX_VALUE, List.of(), ANSWER_SECONDS);

    public SiteOptions {
        allowed = List.copyOf(allowed);
    }

    public SiteOptions withPath(String published, String target) {
        return new SiteOptions(published, target, host, httpsPort, hstsSeconds, maxBody, allowed, answerSeconds);
    }

    public SiteOptions withHost(@Nullable String name) {
        return new SiteOptions(publicPath, targetPath, name, httpsPort, hstsSeconds, maxBody, allowed, answerSeconds);
    }

    public SiteOptions withHttps(int port, long strictSeconds) {
        return new SiteOptions(publicPath, targetPath, host, port, strictSeconds, maxBody, allowed, answerSeconds);
    }

    public SiteOptions withMaxBody(long bytes) {
        return new SiteOptions(publicPath, targetPath, host, httpsPort, hstsSeconds, bytes, allowed, answerSeconds);
    }

    public SiteOptions withAllowed(List<IpPrefix> prefixes) {
        return new SiteOptions(publicPath, targetPath, host, httpsPort, hstsSeconds, maxBody, prefixes, answerSeconds);
    }

    public SiteOptions withAnswerSeconds(int seconds) {
        return new SiteOptions(publicPath, targetPath, host, httpsPort, hstsSeconds, maxBody, allowed, seconds);
    }

    boolean allows(InetAddress address) {
        return allowed.isEmpty() || allowed.stream().anyMatch(p -> p.contains(address));
    }
}
