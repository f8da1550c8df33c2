package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whom proxies name, and who would like to be named. 10.0.0.0/8 and fd00::/8 are trusted; the peer is 10.0.0.1. */
@NullUnmarked
final class ForwardedForTest {
    private static DefaultHttpRequest request(String list, String forwarded) {
        HttpHeaders headers = new DefaultHttpHeaders();
        if (list != null) {
            for (String value : list.split("[|]")) {
                headers.add("X-Forwarded-For", value);
            }
        }
        if (forwarded != null) {
            headers.add("Forwarded", forwarded);
        }
        return new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/", headers);
    }

    private static Browser browser(String peer) throws Exception {
        return new Browser(
                InetAddress.getByName(peer), true, List.of(IpPrefix.parse("10.0.0.0/8"), IpPrefix.parse("fd00::/8")));
    }

    private static String visitor(String peer, String list, String forwarded) throws Exception {
        return AddressText.of(browser(peer).visitor(request(list, forwarded)));
    }

    private static boolean contradicted(String peer, String list, String forwarded) throws Exception {
        return browser(peer).isContradicted(request(list, forwarded));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "203.0.113.7; 203.0.113.7",
                "1.1.1.1, 203.0.113.7; 203.0.113.7", // the first is what the visitor wrote
                "1.1.1.1, 203.0.113.7, 10.0.0.2; 203.0.113.7", // by two proxies
                "1.1.1.1|203.0.113.7|10.0.0.2; 203.0.113.7", // in lines of their own
                "10.9.9.9, 203.0.113.7; 203.0.113.7", // a proxy's address, written by the visitor
                "10.0.0.3, 10.0.0.2; 10.0.0.3", // a proxy asks for itself
                "203.0.113.7:4711; 203.0.113.7",
                "[2001:db8::7]:4711; 2001:db8::7",
                "2001:db8::7; 2001:db8::7",
                "203.0.113.7, fd00::2; 203.0.113.7",
                "::ffff:203.0.113.7; 203.0.113.7",
                "203.0.113.7, unknown; 10.0.0.1", // what is left of it is nobody's word
                "203.0.113.7, 10.0.0.2, what?; 10.0.0.1",
                "203.0.113.7,; 10.0.0.1",
                "localhost; 10.0.0.1", // no name is looked up
                "[2001:db8::7]x; 10.0.0.1",
            })
    void theLastThatIsNoProxy(String list, String visitor) throws Exception {
        assertThat(visitor("10.0.0.1", list, null)).isEqualTo(visitor);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '~',
            value = {
                "for=203.0.113.7|203.0.113.7",
                "for=1.1.1.1, For=203.0.113.7|203.0.113.7",
                "for=~_hidden~|10.0.0.1",
            })
    void theSameByForwarded(String both) throws Exception {
        String[] parts = both.split("[|]");
        assertThat(visitor("10.0.0.1", null, parts[0])).isEqualTo(parts[1]);
        assertThat(visitor("10.0.0.1", null, "proto=https;for=\"[2001:db8::7]:47\";by=10.0.0.1"))
                .isEqualTo("2001:db8::7");
    }

    /** One of the two came from the visitor, by a proxy that does not know it. */
    @Test
    void whatContradictsItselfIsKnown() throws Exception {
        assertThat(visitor("10.0.0.1", "203.0.113.7", "for=203.0.113.7")).isEqualTo("203.0.113.7");
        assertThat(contradicted("10.0.0.1", "203.0.113.7", "for=203.0.113.7")).isFalse();
        assertThat(contradicted("10.0.0.1", "203.0.113.7", null)).isFalse();
        assertThat(contradicted("10.0.0.1", "203.0.113.7", "for=1.1.1.1")).isTrue();
        assertThat(contradicted("10.0.0.1", "1.1.1.1", "for=203.0.113.7")).isTrue();
        assertThat(contradicted("203.0.113.9", "1.1.1.1", "for=203.0.113.7"))
                .as("of no proxy")
                .isFalse();
    }

    @Test
    void whoIsNoProxyIsNotBelieved() throws Exception {
        assertThat(visitor("203.0.113.9", "10.0.0.1", "for=10.0.0.1")).isEqualTo("203.0.113.9");
        assertThat(visitor("10.0.0.1", null, null)).isEqualTo("10.0.0.1");
    }
}
