package dev.culvert.gateway.door;

import dev.culvert.gateway.limit.Network;
import dev.culvert.gateway.web.Browser;
import dev.culvert.tunnel.limit.Quota;

/**
 * Requests that are being served: half as many as there may be connections, so that streams of HTTP/2 multiply nothing. From any thread.
 */
final class ExchangeCounts {
    /** Of all sites: each is a stream, or a flow, to a target. */
    static final int MAX = 16_384;

    /** Of one publication: the others go on when one is flooded. */
    static final int MAX_EACH = 8_192;

    /** Of one address, or an IPv6 /64, over all of its connections. */
    static final int MAX_FROM = 2_048;

    private final Quota<String> sites = new Quota<>(MAX, MAX_EACH);
    private final Quota<Network> visitors = new Quota<>(MAX, MAX_FROM);

    /** @param site the publication's name */
    boolean begins(String site, Browser browser) {
        if (!sites.take(site, 1)) {
            return false;
        }
        if (!browser.trustedProxy() && !visitors.take(from(browser), 1)) { // many are behind one
            sites.give(site, 1);
            return false;
        }
        return true;
    }

    void ends(String site, Browser browser) {
        sites.give(site, 1);
        if (!browser.trustedProxy()) {
            visitors.give(from(browser), 1);
        }
    }

    private static Network from(Browser browser) {
        return Network.of(browser.address(), 0);
    }
}
