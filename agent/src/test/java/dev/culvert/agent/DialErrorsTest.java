package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.icmp.IcmpError;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.ChannelException;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.Errors;
import java.net.InetAddress;
import java.net.NoRouteToHostException;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@NullUnmarked
final class DialErrorsTest {
    /** Loads Netty's library, without which its Errors cannot be. */
    @BeforeAll
    static void load() {
        assertThat(Epoll.isAvailable()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "false, 3, 3, true",
        "false, 3, 0, true",
        "false, 3, 1, true",
        "false, 3, 13, true",
        "false, 3, 4, false",
        "false, 11, 0, false",
        "true, 1, 4, true",
        "true, 1, 0, true",
        "true, 2, 0, false",
        "true, 3, 0, false",
    })
    void unreachable(boolean ipv6, int type, int code, boolean expected) {
        assertThat(DialErrors.isUnreachable(new IcmpError(ipv6, type, code, 0, 0, null)))
                .isEqualTo(expected);
    }

    @Test
    void timeOut() {
        assertThat(DialErrors.reason(new ConnectTimeoutException("connection timed out")))
                .isEqualTo(Reason.TIMED_OUT);
    }

    /**
     * Netty has one exception without a word for "no route to host" and "network is unreachable"; where there is a route it
     * was the host. (The other half is AgentMachineIT's.)
     */
    @Test
    void unreachableWithoutWords() {
        NoRouteToHostException netty = new NoRouteToHostException();
        NoRouteToHostException annotated = new NoRouteToHostException(netty.getMessage() + ": /127.0.0.1:80");
        annotated.initCause(netty);
        assertThat(DialErrors.reason(annotated, InetAddress.getLoopbackAddress()))
                .isEqualTo(Reason.HOST_UNREACHABLE);
    }

    /** No descriptors, no memory, no port: the cause is inside of what Netty throws, and it is a shortage of ours. */
    @ParameterizedTest
    @CsvSource({"24, true", "23, true", "12, false", "105, false", "99, false"})
    void shortages(int errno, boolean descriptors) {
        Throwable cause = new ChannelException(new Errors.NativeIoException("newSocketStream", -errno, false));
        assertThat(DialErrors.reason(cause)).isEqualTo(Reason.OVERLOADED);
        assertThat(DialErrors.isOutOfDescriptors(cause)).isEqualTo(descriptors);
        Throwable wrapped = new IllegalStateException("Unable to create Channel from class X", cause);
        assertThat(DialErrors.reason(wrapped)).isEqualTo(Reason.OVERLOADED);
    }

    @ParameterizedTest
    @CsvSource({
        "1, PROHIBITED",
        "13, PROHIBITED",
        "100, NETWORK_UNREACHABLE",
        "101, NETWORK_UNREACHABLE",
        "112, HOST_UNREACHABLE",
        "113, HOST_UNREACHABLE",
        "110, TIMED_OUT",
        "104, RESET",
        "111, CONNECTION_REFUSED"
    })
    void byNumber(int errno, Reason expected) {
        assertThat(DialErrors.reason(new Errors.NativeIoException("sendmsg", -errno, false)))
                .isEqualTo(expected);
    }
}
