package dev.culvert.agent;

import dev.culvert.tun.icmp.IcmpError;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.frame.Reason;
import java.net.ConnectException;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/** From what the operating system or the network says of a failed dial to what the client's application shall see. */
final class DialErrors {
    /** Destination unreachable (RFC 4443 section 3.1, RFC 792), and its code for fragmentation needed (RFC 1191). */
    private static final int UNREACHABLE_V6 = 1;

    private static final int UNREACHABLE_V4 = 3;
    private static final int TOO_BIG_V4 = 4;

    private DialErrors() {}

    /** {@link Reason#UNSPECIFIED} when neither it nor its causes say anything about the destination. */
    static Reason reason(Throwable failure) {
        return reason(failure, null);
    }

    /** As {@link #reason(Throwable)}, for a connection to {@code destination}: then the network is told from the host. */
    static Reason reason(Throwable failure, @Nullable InetAddress destination) {
        return switch (NetworkError.of(failure, destination)) {
            case CONNECTION_REFUSED -> Reason.CONNECTION_REFUSED;
            case TIMED_OUT -> Reason.TIMED_OUT;
            case HOST_UNREACHABLE -> Reason.HOST_UNREACHABLE;
            case NETWORK_UNREACHABLE -> Reason.NETWORK_UNREACHABLE;
            case NOT_PERMITTED -> Reason.PROHIBITED; // a firewall, here or on the way
            case NO_SOURCE_ADDRESS, TOO_MANY_FILES, NO_MEMORY -> Reason.OVERLOADED;
            case RESET -> Reason.RESET;
            // Of whatever else connect(2) has said there is nothing left but the exception's class.
            case CLOSED, UNKNOWN_HOST, OTHER ->
                failure instanceof ConnectException ? Reason.HOST_UNREACHABLE : Reason.UNSPECIFIED;
        };
    }

    /** Whether the process, or the whole system, is out of descriptors. */
    static boolean isOutOfDescriptors(Throwable failure) {
        return NetworkError.of(failure) == NetworkError.TOO_MANY_FILES;
    }

    /** Whether the error says that the destination cannot be reached, rather than something of the way there. */
    static boolean isUnreachable(IcmpError error) {
        return error.ipv6()
                ? error.type() == UNREACHABLE_V6
                : error.type() == UNREACHABLE_V4 && error.code() != TOO_BIG_V4;
    }
}
