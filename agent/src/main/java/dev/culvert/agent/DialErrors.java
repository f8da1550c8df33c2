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
    // Linux, asm-generic/errno.h: what a failed dial or send can have.
    private static final int EPERM = 1;
    private static final int ENOMEM = 12;
    private static final int EACCES = 13;
    private static final int EINVAL = 22;
    private static final int ENFILE = 23;
    private static final int EMFILE = 24;
    private static final int EADDRNOTAVAIL = 99;
    private static final int ENETDOWN = 100;
    private static final int ENETUNREACH = 101;
    private static final int ECONNABORTED = 103;
    private static final int ECONNRESET = 104;
    private static final int ENOBUFS = 105;
    private static final int ETIMEDOUT = 110;
    private static final int ECONNREFUSED = 111;
    private static final int EHOSTDOWN = 112;
    private static final int EHOSTUNREACH = 113;

    private static final int[] ERRNOS = {
        EPERM,
        ENOMEM,
        EACCES,
        EINVAL,
        ENFILE,
        EMFILE,
        EADDRNOTAVAIL,
        ENETDOWN,
        ENETUNREACH,
        ECONNABORTED,
        ECONNRESET,
        ENOBUFS,
        ETIMEDOUT,
        ECONNREFUSED,
        EHOSTDOWN,
        EHOSTUNREACH
    };

    /** What the JDK's own sockets say, and the number that it means. */
    private static final String[] ENGLISH = {
        "refused",
        "timed out",
        "network is unreachable",
        "network unreachable",
        "no route to host",
        "host is down",
        "permission denied",
        "not permitted",
        "too many open files",
        "cannot assign requested address",
        "no buffer space",
        "cannot allocate memory",
        "connection reset",
        "network is down"
    };

    private static final int[] ENGLISH_ERRNOS = {
        ECONNREFUSED,
        ETIMEDOUT,
        ENETUNREACH,
        ENETUNREACH,
        EHOSTUNREACH,
        EHOSTDOWN,
        EACCES,
        EPERM,
        EMFILE,
        EADDRNOTAVAIL,
        ENOBUFS,
        ENOMEM,
        ECONNRESET,
        ENETDOWN
    };

    /** Causes of causes that are looked at: Netty wraps what the system says once or twice. */
    private static final int DEPTH = 8;

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

    /** {@link Reason#UNSPECIFIED} when neither it nor its causes say anything about the destination. */
    static Reason reason(Throwable failure) {
        Reason reason = byErrno(errno(failure));
        // Of whatever else connect(2) has said there is nothing left but the exception's class.
        return reason == Reason.UNSPECIFIED && failure instanceof ConnectException ? Reason.HOST_UNREACHABLE : reason;
    }

    /** Whether the process, or the whole system, is out of descriptors. */
    static boolean isOutOfDescriptors(Throwable failure) {
        int errno = errno(failure);
        return errno == EMFILE || errno == ENFILE;
    }

    /** The last cause in words. */
    static String words(Throwable failure) {
        String words = failure.getClass().getSimpleName();
        Throwable cause = failure;
        for (int i = 0; cause != null && i < DEPTH; i++) {
            words = cause.getMessage() == null ? words : cause.getMessage();
            cause = cause.getCause();
        }
        return words;
    }

    /** What the system said, 0 when that is not known. */
    private static int errno(Throwable failure) {
        Throwable cause = failure;
        int errno = 0;
        for (int i = 0; errno == 0 && cause != null && i < DEPTH; i++) {
            errno = ofItself(cause);
            cause = cause.getCause();
        }
        return errno;
    }

    private static int ofItself(Throwable cause) {
        if (cause instanceof ConnectTimeoutException || cause instanceof SocketTimeoutException) {
            return ETIMEDOUT;
        }
        if (cause instanceof PortUnreachableException) {
            return ECONNREFUSED;
        }
        if (cause instanceof Errors.NativeIoException e) {
            return -e.expectedErr();
        }
        String text = cause.getMessage();
        if (text == null) {
            // Netty's epoll transport says ENETUNREACH so, without a word; EHOSTUNREACH has its words.
            return cause instanceof NoRouteToHostException ? ENETUNREACH : 0;
        }
        for (int i = 0; i < WORDS.length; i++) {
            if (text.contains(WORDS[i])) {
                return ERRNOS[i];
            }
        }
        return byEnglish(text.toLowerCase(Locale.ROOT));
    }

    /** The JDK's sockets, on systems without epoll. */
    private static int byEnglish(String text) {
        for (int i = 0; i < ENGLISH.length; i++) {
            if (text.contains(ENGLISH[i])) {
                return ENGLISH_ERRNOS[i];
            }
        }
        return 0;
    }

    static Reason byErrno(int errno) {
        return switch (errno) {
            case ECONNREFUSED -> Reason.CONNECTION_REFUSED;
            case ETIMEDOUT -> Reason.TIMED_OUT;
            case EHOSTUNREACH, EHOSTDOWN -> Reason.HOST_UNREACHABLE;
            case ENETUNREACH, ENETDOWN, EINVAL -> Reason.NETWORK_UNREACHABLE; // EINVAL: a prohibited source
            case EPERM, EACCES -> Reason.PROHIBITED; // a firewall, here or on the way
            case ENFILE, EMFILE, EADDRNOTAVAIL, ENOMEM, ENOBUFS -> Reason.OVERLOADED;
            case ECONNRESET, ECONNABORTED -> Reason.RESET;
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
