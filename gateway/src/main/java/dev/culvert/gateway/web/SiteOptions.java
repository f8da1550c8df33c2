package dev.culvert.gateway.web;

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
 * @param answerSeconds how long the target may take to begin its answer
 */
public record SiteOptions(
        String publicPath,
        String targetPath,
        @Nullable String host,
        int httpsPort,
        long hstsSeconds,
        long maxBody,
        int answerSeconds) {
    /** As long as other reverse proxies wait; long polls are answered within it. */
    public static final int ANSWER_SECONDS = 60;

    /** Everything as it comes. */
    public static final SiteOptions PLAIN = new SiteOptions("", "", null, 0, 0, Long.MAX_VALUE, ANSWER_SECONDS);

    public SiteOptions withPath(String published, String target) {
        return new SiteOptions(published, target, host, httpsPort, hstsSeconds, maxBody, answerSeconds);
    }

    public SiteOptions withHost(@Nullable String name) {
        return new SiteOptions(publicPath, targetPath, name, httpsPort, hstsSeconds, maxBody, answerSeconds);
    }

    public SiteOptions withHttps(int port, long strictSeconds) {
        return new SiteOptions(publicPath, targetPath, host, port, strictSeconds, maxBody, answerSeconds);
    }

    public SiteOptions withMaxBody(long bytes) {
        return new SiteOptions(publicPath, targetPath, host, httpsPort, hstsSeconds, bytes, answerSeconds);
    }

    public SiteOptions withAnswerSeconds(int seconds) {
        return new SiteOptions(publicPath, targetPath, host, httpsPort, hstsSeconds, maxBody, seconds);
    }
}
