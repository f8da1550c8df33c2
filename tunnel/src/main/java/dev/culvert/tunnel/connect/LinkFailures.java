package dev.culvert.tunnel.connect;

import dev.culvert.address.proxy.Proxy;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.UntrustedGatewayException;
import dev.culvert.tunnel.link.UnusableGatewayException;
import dev.culvert.tunnel.proxy.ProxyRefusedException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is said of an attempt at one gateway that failed: which of several failures says most, and how, in a line for people.
 *
 * @param gateway its host and port
 * @param proxy on the way there; null without
 */
record LinkFailures(String gateway, @Nullable Proxy proxy) {
    /** Answers say more than none, refused more than silence, silence more than that there is no way there. */
    static int weight(Throwable failure) {
        if (failure instanceof LinkRefusedException) {
            return 4;
        }
        if (failure instanceof UntrustedGatewayException
                || failure instanceof UnusableGatewayException
                || failure instanceof ProxyRefusedException) {
            return 3;
        }
        return switch (NetworkError.of(failure)) {
            case CONNECTION_REFUSED, RESET, TOO_MANY_FILES -> 2;
            case TIMED_OUT -> 1;
            default -> 0;
        };
    }

    /**
     * In words.
     *
     * @param addresses that were dialled: the gateway's, or the proxy's
     * @param inTheWay what stands there instead, in words; null when that is not known
     */
    IOException explain(Throwable cause, List<InetSocketAddress> addresses, @Nullable String inTheWay) {
        String what = inTheWay == null ? String.valueOf(cause.getMessage()) : inTheWay;
        if (cause instanceof LinkRefusedException refused) {
            return refused.saidBy("the gateway at " + gateway + through());
        }
        if (cause instanceof UntrustedGatewayException) {
            return new UntrustedGatewayException("cannot use the gateway at " + gateway + through() + ": " + what);
        }
        if (cause instanceof UnusableGatewayException) {
            return new ConnectException("cannot use the gateway at " + gateway + through() + ": " + what);
        }
        if (cause instanceof ProxyRefusedException refused) {
            return refused.saidBy("no way to the gateway at " + gateway + through() + ": ");
        }
        if (inTheWay != null) {
            return new ConnectException("cannot reach the gateway at " + gateway + ": " + what);
        }
        InetAddress only = addresses.size() == 1 ? addresses.get(0).getAddress() : null;
        return new ConnectException("cannot reach the "
                + (proxy == null ? "gateway at " + gateway : "proxy " + proxy + ", to the gateway at " + gateway) + ": "
                + NetworkError.words(cause, only)
                + (only == null ? " (" + addresses.size() + " addresses tried)" : ""));
    }

    private String through() {
        return proxy == null ? "" : " through the proxy " + proxy;
    }
}
