package dev.culvert.tunnel.dial;

import dev.culvert.text.Printable;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.unix.Errors;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.util.Locale;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the operating system says of a connection that failed or broke: the one way from an exception, Netty's or the JDK's,
 * to a kind that a program decides by and to words that people read.
 */
public enum NetworkError {
    CONNECTION_REFUSED("connection refused"),
    TIMED_OUT("no answer"),
    HOST_UNREACHABLE("no route to host: it, or a router on the way, does not answer"),
    NETWORK_UNREACHABLE("network is unreachable: this machine has no route there"),
    NO_SOURCE_ADDRESS("this machine has no address or no free port to connect from"),
    TOO_MANY_FILES("too many open files: raise the limit (LimitNOFILE=, ulimit -n)"),
    NO_MEMORY("the kernel has no memory left for it"),
    NOT_PERMITTED("not permitted: a firewall on this machine or on the way forbids it"),
    RESET("connection reset by the other side"),
    CLOSED("connection closed"),
    UNKNOWN_HOST("the name cannot be resolved"),
    OTHER("");

    /** Netty's "finishConnect(..) failed with error(-111): Connection refused". */
    private static final Pattern NATIVE = Pattern.compile("\\(\\.\\.\\) failed(?: with error\\(-?(\\d+)\\))?: *(.*)");

    /** Netty appends the address to what went wrong. */
    private static final Pattern ADDRESS = Pattern.compile(": [^ ]*/[^ ]*:\\d+$");

    /** How far down causes are looked at. */
    private static final int DEPTH = 8;

    private final String words;

    NetworkError(String words) {
        this.words = words;
    }

    /** {@link #OTHER} when it says nothing about the network. */
    public static NetworkError of(Throwable failure) {
        Throwable t = failure;
        for (int i = 0; t != null && i < DEPTH; i++, t = t.getCause()) {
            NetworkError kind = ofThis(t);
            if (kind != OTHER) {
                return kind;
            }
        }
        return OTHER;
    }

    /**
     * As {@link #of(Throwable)} for a connection to {@code destination}. Netty has one textless exception for "no route to
     * host" and "network is unreachable"; which it was the kernel says when it is asked for the route again.
     */
    public static NetworkError of(Throwable failure, @Nullable InetAddress destination) {
        NetworkError kind = of(failure);
        return kind == HOST_UNREACHABLE && destination != null && isTextless(failure) ? route(destination) : kind;
    }

    private static boolean isTextless(Throwable failure) {
        return failure instanceof NoRouteToHostException
                && (failure.getMessage() == null || failure.getMessage().startsWith("null"));
    }

    /** Connecting a datagram socket looks the route up and sends nothing. */
    private static NetworkError route(InetAddress destination) {
        try (DatagramChannel probe = DatagramChannel.open()) {
            probe.connect(new InetSocketAddress(destination, 9)); // discard (RFC 863)
            return HOST_UNREACHABLE;
        } catch (IOException e) {
            NetworkError kind = of(e);
            return kind == NETWORK_UNREACHABLE ? kind : HOST_UNREACHABLE;
        } catch (RuntimeException e) { // an address family that this machine does not have
            return NETWORK_UNREACHABLE;
        }
    }

    private static NetworkError ofThis(Throwable t) {
        if (t instanceof Errors.NativeIoException e) {
            return ofErrno(-e.expectedErr());
        }
        if (t instanceof ConnectTimeoutException
                || t instanceof SocketTimeoutException
                || t instanceof TimeoutException) {
            return TIMED_OUT;
        }
        if (t instanceof PortUnreachableException) {
            return CONNECTION_REFUSED;
        }
        if (t instanceof ClosedChannelException) {
            return CLOSED;
        }
        if (t instanceof UnknownHostException) {
            return UNKNOWN_HOST;
        }
        String text = t.getMessage() == null ? "" : t.getMessage();
        Matcher m = NATIVE.matcher(text);
        if (m.find() && m.group(1) != null) {
            return ofErrno(Integer.parseInt(m.group(1)));
        }
        NetworkError kind = t instanceof IOException ? ofWords(text.toLowerCase(Locale.ROOT)) : OTHER;
        return kind == OTHER && t instanceof NoRouteToHostException ? HOST_UNREACHABLE : kind;
    }

    /** Linux errno values (asm-generic/errno.h) that connecting, reading or sending can have. */
    public static NetworkError ofErrno(int errno) {
        return switch (errno) {
            case 111 -> CONNECTION_REFUSED; // ECONNREFUSED
            case 110, 62 -> TIMED_OUT; // ETIMEDOUT, ETIME
            case 113, 112 -> HOST_UNREACHABLE; // EHOSTUNREACH, EHOSTDOWN
            case 101, 100, 97, 22 -> NETWORK_UNREACHABLE; // ENETUNREACH, ENETDOWN, EAFNOSUPPORT, EINVAL (RTN_PROHIBIT)
            case 99, 98, 19 -> NO_SOURCE_ADDRESS; // EADDRNOTAVAIL, EADDRINUSE, ENODEV
            case 24, 23 -> TOO_MANY_FILES; // EMFILE, ENFILE
            case 12, 105 -> NO_MEMORY; // ENOMEM, ENOBUFS
            case 1, 13 -> NOT_PERMITTED; // EPERM, EACCES
            case 104, 103, 102, 32 -> RESET; // ECONNRESET, ECONNABORTED, ENETRESET, EPIPE
            default -> OTHER;
        };
    }

    /** The JDK's sockets, on systems without epoll, and its strerror. */
    private static NetworkError ofWords(String text) {
        if (text.contains("refused")) {
            return CONNECTION_REFUSED;
        }
        if (text.contains("timed out")) {
            return TIMED_OUT;
        }
        if (text.contains("network is unreachable")
                || text.contains("network unreachable")
                || text.contains("protocol family unavailable")) {
            return NETWORK_UNREACHABLE;
        }
        if (text.contains("no route to host") || text.contains("host is down")) {
            return HOST_UNREACHABLE;
        }
        if (text.contains("permission denied") || text.contains("not permitted")) {
            return NOT_PERMITTED;
        }
        if (text.contains("too many open files")) {
            return TOO_MANY_FILES;
        }
        if (text.contains("cannot assign requested address") || text.contains("address already in use")) {
            return NO_SOURCE_ADDRESS;
        }
        if (text.contains("cannot allocate memory") || text.contains("no buffer space")) {
            return NO_MEMORY;
        }
        return text.contains("connection reset") || text.contains("broken pipe") || text.contains("connection abort")
                ? RESET
                : OTHER;
    }

    /** Half a sentence for people: never empty, never {@code null}, without what Netty and Java write around it. */
    public static String words(Throwable failure) {
        return words(failure, null);
    }

    /** As {@link #words(Throwable)}, for a connection to {@code destination}. */
    public static String words(Throwable failure, @Nullable InetAddress destination) {
        NetworkError kind = of(failure, destination);
        if (kind != OTHER && kind != TIMED_OUT) {
            return kind.words;
        }
        String text = failure.getMessage();
        for (Throwable t = failure.getCause(); text == null && t != null; t = t.getCause()) {
            text = t.getMessage();
        }
        if (text == null || text.isBlank()) {
            return kind == TIMED_OUT
                    ? kind.words
                    : "it failed, and the system does not say why ("
                            + failure.getClass().getSimpleName() + ")";
        }
        text = ADDRESS.matcher(text).replaceFirst("");
        Matcher m = NATIVE.matcher(text);
        if (m.find()) {
            text = m.group(2);
        }
        return kind == TIMED_OUT && !text.startsWith("no answer") && !text.startsWith("connected, but")
                ? kind.words
                : Printable.text(text);
    }
}
