package dev.culvert.agent;

import dev.culvert.tunnel.Reason;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.unix.Errors;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.util.Locale;

/** From what the operating system says of a failed dial to what the client's application shall see. */
final class DialErrors {
    private DialErrors() {}

    static Reason reason(Throwable cause) {
        if (cause instanceof ConnectTimeoutException || cause instanceof SocketTimeoutException) {
            return Reason.TIMED_OUT;
        }
        if (cause instanceof PortUnreachableException) {
            return Reason.CONNECTION_REFUSED;
        }
        if (cause instanceof Errors.NativeIoException e) {
            Reason byErrno = byErrno(-e.expectedErr());
            if (byErrno != Reason.UNSPECIFIED) {
                return byErrno;
            }
        }
        // Netty's connect errors keep errno to themselves: the text is strerror's.
        String text = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
        if (text.contains("refused")) {
            return Reason.CONNECTION_REFUSED;
        }
        if (text.contains("timed out")) {
            return Reason.TIMED_OUT;
        }
        if (text.contains("network is unreachable") || text.contains("network unreachable")) {
            return Reason.NETWORK_UNREACHABLE;
        }
        if (text.contains("no route to host") || cause instanceof NoRouteToHostException) {
            return Reason.HOST_UNREACHABLE;
        }
        if (text.contains("permission denied") || text.contains("not permitted")) {
            return Reason.PROHIBITED; // a firewall's REJECT --reject-with icmp-admin-prohibited, or a local rule
        }
        if (text.contains("too many open files") || text.contains("cannot assign requested address")) {
            return Reason.OVERLOADED;
        }
        return cause instanceof ConnectException ? Reason.HOST_UNREACHABLE : Reason.UNSPECIFIED;
    }

    /** Linux errno values, asm-generic/errno.h. */
    static Reason byErrno(int errno) {
        return switch (errno) {
            case 111 -> Reason.CONNECTION_REFUSED;
            case 110 -> Reason.TIMED_OUT;
            case 113, 112 -> Reason.HOST_UNREACHABLE;
            case 101, 100 -> Reason.NETWORK_UNREACHABLE;
            case 1, 13 -> Reason.PROHIBITED;
            case 23, 24, 99, 12, 105 -> Reason.OVERLOADED;
            case 104, 103 -> Reason.RESET;
            default -> Reason.UNSPECIFIED;
        };
    }
}
