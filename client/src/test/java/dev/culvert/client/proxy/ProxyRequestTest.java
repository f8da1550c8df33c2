package dev.culvert.client.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@NullUnmarked
final class ProxyRequestTest {
    private static HttpRequest request(String method, String uri) {
        return new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.valueOf(method), uri);
    }

    private static int unfit(HttpRequest request) {
        return catchThrowableOfType(ProxyRequest.Unfit.class, () -> ProxyRequest.of(request))
                .status()
                .code();
    }

    @ParameterizedTest
    @CsvSource({
        "GET, http://db.office.example/a/b?c=d, tcp db.office.example:80, db.office.example, /a/b?c=d",
        "GET, HTTP://DB.office.example:8080, tcp db.office.example:8080, db.office.example:8080, /",
        "GET, http://db:/x, tcp db:80, db:, /x",
        "GET, http://db?c, tcp db:80, db, /?c",
        "OPTIONS, http://db, tcp db:80, db, *",
        "GET, http://[fd77::2]:81/x, tcp [fd77::2]:81, [fd77::2]:81, /x",
        "GET, http://[fd77::2]/x, tcp [fd77::2]:80, [fd77::2], /x",
        "GET, http://192.168.77.2//x, tcp 192.168.77.2:80, 192.168.77.2, //x"
    })
    void aRequestGoesOnAsTheTargetExpectsIt(String method, String uri, String to, String host, String path)
            throws Exception {
        HttpRequest from = request(method, uri);
        from.headers().set("Host", "another.example");
        ProxyRequest asked = ProxyRequest.of(from);
        assertThat(asked.destination()).hasToString(to);
        assertThat(asked.onward().uri()).isEqualTo(path);
        assertThat(asked.onward().headers().getAll("Host")).containsExactly(host);
        assertThat(asked.onward().headers().getAll("Via")).containsExactly("1.1 culvert");
    }

    @ParameterizedTest
    @CsvSource({
        "GET, https://db/x, 400",
        "GET, ftp://db/x, 400",
        "GET, db, 400",
        "GET, *, 400",
        "GET, http:///x, 400",
        "GET, http://user:pw@db/x, 400",
        "GET, http://127.1/x, 400",
        "GET, http://db:0/x, 400",
        "GET, http://db:99999/x, 400",
        "GET, http://db/x#y, 400",
        "GET, http://fd77::2/x, 400",
        "TRACE, http://db/x, 405",
        "CONNECT, db, 400",
        "CONNECT, db:, 400",
        "CONNECT, /x, 400",
        "CONNECT, http://db:443, 400"
    })
    void whatIsUnfitIsRefused(String method, String uri, int status) {
        assertThat(unfit(request(method, uri))).isEqualTo(status);
    }

    @ParameterizedTest
    @CsvSource({"db:443, tcp db:443", "[fd77::2]:443, tcp [fd77::2]:443", "192.168.77.2:22, tcp 192.168.77.2:22"})
    void connectNamesHostAndPort(String uri, String to) throws Exception {
        ProxyRequest asked = ProxyRequest.of(request("CONNECT", uri));
        assertThat(asked.destination()).hasToString(to);
        assertThat(asked.onward()).isNull();
    }

    @Test
    void aPathIsOfTheProxyItself() throws Exception {
        assertThat(ProxyRequest.of(request("GET", "/proxy.pac")).destination()).isNull();
    }

    @Test
    void whatIsOfTheConnectionStaysHere() throws Exception {
        HttpRequest from = request("POST", "http://db/");
        from.headers()
                .add("Connection", "keep-alive, X-Secret , content-length")
                .add("Proxy-Connection", "keep-alive")
                .add("Proxy-Authorization", "Basic YTpi")
                .add("X-Secret", "1")
                .add("TE", "trailers")
                .add("Upgrade", "websocket")
                .add("Content-Length", "3")
                .add("Accept", "a")
                .add("Accept", "b");
        HttpRequest onward = ProxyRequest.of(from).onward();
        assertThat(onward.headers().names())
                .containsExactlyInAnyOrder("host", "connection", "Content-Length", "Accept", "via");
        assertThat(onward.headers().getAll("Accept")).containsExactly("a", "b");
        assertThat(onward.headers().getAll("Connection")).containsExactly("close");
    }

    @Test
    void aLengthThatCanBeReadInTwoWaysIsRefused() {
        HttpRequest both = request("POST", "http://db/");
        both.headers().set("Content-Length", "3").set("Transfer-Encoding", "chunked");
        assertThat(unfit(both)).isEqualTo(400);
        HttpRequest coded = request("POST", "http://db/");
        coded.headers().set("Transfer-Encoding", "gzip, chunked");
        assertThat(unfit(coded)).isEqualTo(501);
        HttpRequest twice = request("POST", "http://db/");
        twice.headers().add("Transfer-Encoding", "chunked").add("Transfer-Encoding", "identity");
        assertThat(unfit(twice)).isEqualTo(501);
        HttpRequest old = new DefaultHttpRequest(HttpVersion.HTTP_1_0, HttpMethod.POST, "http://db/");
        old.headers().set("Transfer-Encoding", "chunked");
        assertThat(unfit(old)).isEqualTo(400);
    }
}
