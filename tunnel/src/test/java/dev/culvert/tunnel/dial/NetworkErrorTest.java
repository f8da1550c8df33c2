package dev.culvert.tunnel.dial;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.Errors;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

final class NetworkErrorTest {
    /** What Netty and the JDK throw on Linux, as they word it. */
    private static Arguments[] failures() {
        return new Arguments[] {
            // Netty's epoll transport
            failure(nativeError("connect(..)", -111), NetworkError.CONNECTION_REFUSED),
            failure(nativeError("recvAddress", -104), NetworkError.RESET),
            failure(nativeError("writev(..)", -32), NetworkError.RESET),
            failure(nativeError("connect", -101), NetworkError.NETWORK_UNREACHABLE),
            failure(nativeError("connect", -113), NetworkError.HOST_UNREACHABLE),
            failure(nativeError("connect", -99), NetworkError.NO_SOURCE_ADDRESS),
            failure(nativeError("socket", -24), NetworkError.TOO_MANY_FILES),
            failure(nativeError("socket", -97), NetworkError.NETWORK_UNREACHABLE),
            failure(nativeError("sendmmsg", -1), NetworkError.NOT_PERMITTED),
            failure(nativeError("sendmmsg", -105), NetworkError.NO_MEMORY),
            failure(nativeError("connect", -110), NetworkError.TIMED_OUT),
            failure(
                    new ConnectException(
                            "finishConnect(..) failed with error(-111): Connection refused: /192.0.2.1:443"),
                    NetworkError.CONNECTION_REFUSED),
            failure(
                    new IOException("recvAddress(..) failed with error(-104): Connection reset by peer"),
                    NetworkError.RESET),
            failure(new NoRouteToHostException(), NetworkError.HOST_UNREACHABLE),
            failure(
                    new ConnectTimeoutException("connection timed out after 10000 ms: /192.0.2.1:443"),
                    NetworkError.TIMED_OUT),
            failure(new ClosedChannelException(), NetworkError.CLOSED),
            // the JDK
            failure(new ConnectException("Connection refused"), NetworkError.CONNECTION_REFUSED),
            failure(new ConnectException("Connection timed out"), NetworkError.TIMED_OUT),
            failure(new SocketTimeoutException("Read timed out"), NetworkError.TIMED_OUT),
            failure(new TimeoutException(), NetworkError.TIMED_OUT),
            failure(new SocketException("Network is unreachable"), NetworkError.NETWORK_UNREACHABLE),
            failure(new SocketException("Protocol family unavailable"), NetworkError.NETWORK_UNREACHABLE),
            failure(new NoRouteToHostException("No route to host"), NetworkError.HOST_UNREACHABLE),
            failure(new NoRouteToHostException("Host is down"), NetworkError.HOST_UNREACHABLE),
            failure(new BindException("Cannot assign requested address"), NetworkError.NO_SOURCE_ADDRESS),
            failure(new BindException("Address already in use"), NetworkError.NO_SOURCE_ADDRESS),
            failure(new SocketException("Too many open files"), NetworkError.TOO_MANY_FILES),
            failure(new IOException("Cannot allocate memory"), NetworkError.NO_MEMORY),
            failure(new IOException("Operation not permitted"), NetworkError.NOT_PERMITTED),
            failure(new IOException("Permission denied"), NetworkError.NOT_PERMITTED),
            failure(new SocketException("Connection reset"), NetworkError.RESET),
            failure(new IOException("Broken pipe"), NetworkError.RESET),
            failure(new PortUnreachableException(), NetworkError.CONNECTION_REFUSED),
            failure(new UnknownHostException("vpn.example: Name or service not known"), NetworkError.UNKNOWN_HOST),
            // the cause says it
            failure(
                    new IllegalStateException("dial", new ConnectException("Connection refused")),
                    NetworkError.CONNECTION_REFUSED),
            // nothing of the network
            failure(new IOException("odd"), NetworkError.OTHER),
            failure(new IllegalStateException("Connection refused"), NetworkError.OTHER),
            failure(new IOException(), NetworkError.OTHER),
            failure(new RuntimeException((String) null), NetworkError.OTHER),
        };
    }

    private static Arguments failure(Throwable failure, NetworkError kind) {
        return Arguments.of(failure, kind);
    }

    private static Errors.NativeIoException nativeError(String method, int errno) {
        Epoll.ensureAvailability(); // its library knows the words
        return new Errors.NativeIoException(method, errno, false);
    }

    @ParameterizedTest
    @MethodSource("failures")
    void whatTheSystemSaysIsOneKindAndWordsForPeople(Throwable failure, NetworkError kind) {
        assertThat(NetworkError.of(failure)).isEqualTo(kind);
        assertThat(NetworkError.of(new IOException("around it", failure))).isEqualTo(kind);
        assertThat(NetworkError.words(failure))
                .isNotBlank()
                .doesNotContain("null", "(..)", "error(", "/192.0.2.1")
                .doesNotContain("java.", "io.netty");
    }

    @Test
    void aCircleOfCausesEnds() {
        Throwable one = new RuntimeException("one");
        one.initCause(new RuntimeException("two", one));
        assertThat(NetworkError.of(one)).isEqualTo(NetworkError.OTHER);
        assertThat(NetworkError.words(one)).isEqualTo("one");
    }

    /** Netty's exception has no text for either; the kernel, asked for the route, knows that there is one on this machine. */
    @Test
    void aTextlessFailureOfARoutedAddressIsTheHosts() throws Exception {
        assertThat(NetworkError.of(new NoRouteToHostException(), InetAddress.getByName("127.0.0.1")))
                .isEqualTo(NetworkError.HOST_UNREACHABLE);
    }
}
