package dev.culvert.gateway.web;

import org.jspecify.annotations.Nullable;

/** What is published over HTTP, by name and path. Asked on the event loops of browsers, once for each request. */
public interface Sites {
    /**
     * @param host what the request is addressed to: lower case, without port and without a dot at its end; an IPv6 address
     *     in brackets
     * @param path the path of the request, without its query; begins with a slash and has no dot segments
     * @return who serves it; null when nobody does
     */
    @Nullable
    Site find(String host, String path);
}
