package dev.culvert.gateway.web;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.Channel;
import io.netty.channel.ConnectTimeoutException;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import java.net.ConnectException;
import org.jspecify.annotations.Nullable;

/** What a browser is told when a target is not there. */
final class TargetErrors {
    private TargetErrors() {}

    /** Whether bytes on a channel go anywhere now: a flow may wait for its agent, or the link to it. */
    static boolean hasPath(Channel channel) {
        return !(channel instanceof LinkFlow flow) || flow.isAttached();
    }

    /** Its agent was lost while it was waited for. */
    static Refusal held(String name) {
        return away("The connection to the agent that " + name + " is behind was lost.");
    }

    /** There is no connection to it. */
    static Refusal connecting(@Nullable Throwable cause, Site site) {
        if (cause instanceof FlowException flow) {
            return of(flow.reason(), site);
        }
        if (cause instanceof Http2Exception) {
            return notHttp2(site);
        }
        if (cause instanceof UnwellException) {
            return away("The server behind " + site.name() + " is not well: it fails the checks of its health.");
        }
        return cause instanceof ConnectTimeoutException
                ? of(Reason.TIMED_OUT, site)
                : cause instanceof ConnectException
                        ? of(Reason.CONNECTION_REFUSED, site)
                        : bad("The server behind " + site.name() + " cannot be reached.");
    }

    /** Whether it was not the target that has ended it, but the flow to it: its agent, a link, the gateway. */
    static boolean isOfTheWay(@Nullable Throwable cause) {
        return cause instanceof FlowException flow
                && flow.reason() != Reason.RESET
                && flow.reason() != Reason.CANCELLED
                && flow.reason() != Reason.UNSPECIFIED;
    }

    /** Whether the head of the request is larger than the target takes, as it has said: it was not sent. */
    static boolean isUnsent(@Nullable Throwable cause) {
        return cause instanceof Http2Exception.HeaderListSizeException size && !size.duringDecode();
    }

    /** It has closed or reset the connection before it answered. */
    static Refusal ended(@Nullable Throwable cause, Site site) {
        if (cause instanceof FlowException flow && isOfTheWay(cause)) {
            return of(flow.reason(), site);
        }
        if (cause instanceof StreamReset reset && reset.error() == Http2Error.REFUSED_STREAM) {
            return away("The server behind " + site.name() + " takes no more requests now.");
        }
        if (isUnsent(cause)) {
            return new Refusal(
                    HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    "The head of the request is larger than the server behind " + site.name()
                            + " takes. Fewer or smaller cookies may help.");
        }
        if (cause instanceof Http2Exception) {
            return notHttp2(site);
        }
        return bad("The server behind " + site.name() + " has closed the connection without an answer.");
    }

    private static Refusal of(Reason reason, Site site) {
        String name = site.name();
        return switch (reason) {
            case NO_AGENT -> away("The agent that " + name + " is behind is not connected.");
            case LINK_LOST, SHUTTING_DOWN, UNKNOWN, MOVED -> held(name);
            case OVERLOADED -> away("The way to " + name + " has too many connections.");
            case CONNECTION_REFUSED ->
                bad("The server behind " + name + " refuses connections: it is not running, or listens elsewhere.");
            case TIMED_OUT, IDLE ->
                new Refusal(
                        HttpResponseStatus.GATEWAY_TIMEOUT, "The server behind " + name + " has not answered in time.");
            case HOST_UNREACHABLE, NETWORK_UNREACHABLE ->
                bad("The agent that " + name + " is behind has no way to the server: " + reason.words() + ".");
            case NAME_NOT_FOUND -> bad("The agent that " + name + " is behind does not know the server's name.");
            case PROHIBITED -> bad("The agent that " + name + " is behind may not connect to the server.");
            case UNSPECIFIED, UNSUPPORTED, RESET, PROTOCOL_ERROR, CANCELLED ->
                bad("The server behind " + name + " cannot be reached: " + reason.words() + ".");
        };
    }

    private static Refusal notHttp2(Site site) {
        return bad(
                "The server behind " + site.name() + " does not speak HTTP/2 as h2c:// has it, or breaks its rules.");
    }

    private static Refusal away(String text) {
        return new Refusal(HttpResponseStatus.SERVICE_UNAVAILABLE, text);
    }

    private static Refusal bad(String text) {
        return new Refusal(HttpResponseStatus.BAD_GATEWAY, text);
    }
}
