package dev.culvert.agent;

import dev.culvert.tun.IcmpError;
import dev.culvert.tunnel.Reason;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.Errors;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.util.Locale;

/** From what the operating system or the network says of a failed dial to what the client's application shall see. */
final class DialErrors {
    /** Linux errno values, asm-generic/errno.h, that a failed dial or send can have. */
    private static final int[] ERRNOS = {111, 110, 113, 112, 101, 100, 1, 13, 22, 23, 24, 99, 12, 105, 104, 103};

    /**
     * What Netty's native library calls each: strerror's words, which are in the language of the process. Its exceptions
     * for connect keep the number to themselves.
     */
    private static final String[] WORDS = words();

    /** Destination unreachable (RFC 4443 section 3.1, RFC 792), and its code for fragmentation needed (RFC 1191). */
    private static final int UNREACHABLE_V6 = 1;

    private static final int UNREACHABLE_V4 = 3;
    private static final int TOO_BIG_V4 = 4;

    private DialErrors() {}

    private static String[] words() {
        if (!Epoll.isAvailable()) { // also loads the library, without which Errors must not be touched
            return new String[0];
        }
        String[] words = new String[ERRNOS.length];
        for (int i = 0; i < words.length; i++) {
            String text = String.valueOf(new Errors.NativeIoException("", -ERRNOS[i], false).getMessage());
            int at = text.lastIndexOf(": ");
            words[i] = at < 0 ? text : text.substring(at + 2);
        }
        return words;
    }

    /** {@link Reason#UNSPECIFIED} when it says nothing about the destination. */
    static Reason reason(Throwable cause) {
        if (cause instanceof ConnectTimeoutException || cause instanceof SocketTimeoutException) {
            return Reason.TIMED_OUT;
        }
        if (cause instanceof PortUnreachableException) {
            return Reason.CONNECTION_REFUSED;
        }
        if (cause instanceof Errors.NativeIoException e) {
            return byErrno(-e.expectedErr());
        }
        String text = String.valueOf(cause.getMessage());
        for (int i = 0; i < WORDS.length; i++) {
            if (text.contains(WORDS[i])) {
                return byErrno(ERRNOS[i]);
            }
        }
        return byEnglish(text.toLowerCase(Locale.ROOT), cause);
    }

    /** The JDK's sockets, on systems without epoll. */
    private static Reason byEnglish(String text, Throwable cause) {
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

    static Reason byErrno(int errno) {
        return switch (errno) {
            case 111 -> Reason.CONNECTION_REFUSED; // ECONNREFUSED
            case 110 -> Reason.TIMED_OUT; // ETIMEDOUT
            case 113, 112 -> Reason.HOST_UNREACHABLE; // EHOSTUNREACH, EHOSTDOWN
            case 101, 100, 22 -> Reason.NETWORK_UNREACHABLE; // ENETUNREACH, ENETDOWN, EINVAL (a prohibited source)
            case 1, 13 -> Reason.PROHIBITED; // EPERM, EACCES
            case 23, 24, 99, 12, 105 -> Reason.OVERLOADED; // ENFILE, EMFILE, EADDRNOTAVAIL, ENOMEM, ENOBUFS
            case 104, 103 -> Reason.RESET; // ECONNRESET, ECONNABORTED
            default -> Reason.UNSPECIFIED;
        };
    }

    /** Whether the error says that the destination cannot be reached, rather than something of the way there. */
    static boolean isUnreachable(IcmpError error) {
        return error.ipv6()
                ? error.type() == UNREACHABLE_V6
                : error.type() == UNREACHABLE_V4 && error.code() != TOO_BIG_V4;
    }
}
