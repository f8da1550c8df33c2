package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Browsers that come back by the way that they were led, and what of that is seen on either side. */
final class WayCookieTest {
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: own=1\r\n\r\nhi";
    private static final String SET = "set-cookie: culvert-instance=mark-of-";
    private static final String ATTRIBUTES = "; Path=/; HttpOnly; SameSite=Lax; Secure\r\n";

    private static String get(String cookie) {
        return "GET / HTTP/1.1\r\nHost: app.example.com\r\n" + (cookie.isEmpty() ? "" : "Cookie: " + cookie + "\r\n")
                + "\r\n";
    }

    private static Stage stage(boolean secure, boolean proxy) {
        Stage stage = new Stage("http/1.1", secure, proxy);
        stage.ways.addAll(List.of("a", "b", "c"));
        stage.keepsWays = true;
        return stage;
    }

    @Test
    void theFirstAnswerSetsItAndTheNextDoesNot() {
        try (Stage stage = stage(true, false)) {
            stage.say(get(""));
            stage.answer(0, OK);
            assertThat(stage.answered()).contains("Set-Cookie: own=1\r\n", SET + "a" + ATTRIBUTES);
            stage.say(get("x=1; culvert-instance=mark-of-a; y=2"));
            assertThat(stage.asked(0)).as("over the same connection").contains("Cookie: x=1; y=2\r\n");
            stage.answer(0, OK);
            assertThat(stage.answered()).contains("own=1").doesNotContain("culvert-instance");
        }
    }

    /** Though another way would be chosen, and has a connection that rests. */
    @Test
    void aBrowserIsLedAgainWhereItWas() {
        try (Stage stage = stage(true, false)) {
            stage.say(get(""));
            stage.answer(0, OK);
            stage.say(get("culvert-instance=mark-of-c"));
            assertThat(stage.went).containsExactly("a", "c");
            assertThat(stage.asked(1)).doesNotContain("ookie");
            stage.answer(1, OK);
            assertThat(stage.answered()).doesNotContain(SET + "c");
        }
    }

    @ParameterizedTest
    @CsvSource({"mark-of-z", "c", "''", "mark-of-", "../b"})
    void aForgedOneIsNone(String value) {
        try (Stage stage = stage(true, false)) {
            stage.say(get("culvert-instance=" + value));
            assertThat(stage.went).containsExactly("a");
            assertThat(stage.asked(0)).doesNotContain("ookie");
            stage.answer(0, OK);
            assertThat(stage.answered()).contains(SET + "a" + ATTRIBUTES);
        }
    }

    @Test
    void whereAWayFailsAnotherTakesItsPlaceAndTheCookieSaysSo() {
        try (Stage stage = stage(true, false)) {
            stage.refusing.add("c");
            stage.say("POST / HTTP/1.1\r\nHost: app.example.com\r\nCookie: culvert-instance=mark-of-c\r\n"
                    + "Content-Length: 2\r\n\r\nhi");
            assertThat(stage.went).as("nothing had been sent").containsExactly("a");
            stage.answer(0, OK);
            assertThat(stage.answered()).contains(SET + "a" + ATTRIBUTES);
            stage.refusing.clear();
            stage.say(get("culvert-instance=mark-of-b"));
            stage.targets.get(1).end();
            assertThat(stage.went).containsExactly("a", "b", "a");
            stage.answer(2, OK);
            assertThat(stage.answered()).contains(SET + "a" + ATTRIBUTES);
        }
    }

    /** It says nothing of its way: an idle one may be closed at any time. */
    @Test
    void whenAKeptConnectionEndsTheBrowserStaysWhereItWas() {
        try (Stage stage = stage(true, false)) {
            stage.say(get("culvert-instance=mark-of-b"));
            stage.answer(0, OK);
            stage.answered();
            stage.say(get("culvert-instance=mark-of-b"));
            stage.targets.get(0).end();
            assertThat(stage.went).containsExactly("b", "b");
            stage.answer(1, OK);
            assertThat(stage.answered()).contains("own=1").doesNotContain("culvert-instance");
        }
    }

    @Test
    void aWebSocketIsLedToo() {
        try (Stage stage = stage(true, false)) {
            stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                    + "Cookie: culvert-instance=mark-of-b\r\n\r\n");
            assertThat(stage.went).containsExactly("b");
            stage.answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
            assertThat(stage.answered()).startsWith("HTTP/1.1 101 ").doesNotContain("culvert-instance");
        }
        try (Stage stage = stage(true, false)) {
            stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
            stage.answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
            assertThat(stage.answered()).contains(SET + "a" + ATTRIBUTES);
        }
    }

    @Test
    void withoutTheOptionNobodyIsLed() {
        try (Stage stage = stage(true, false)) {
            stage.keepsWays = false;
            stage.say(get("culvert-instance=mark-of-b"));
            assertThat(stage.went).containsExactly("a");
            assertThat(stage.asked(0)).doesNotContain("ookie");
            stage.answer(0, OK);
            assertThat(stage.answered()).doesNotContain("culvert-instance");
        }
    }

    @Test
    void inTheClearItIsNotSecureUnlessTheProxyInFrontSaysSo() {
        try (Stage stage = stage(false, true)) {
            stage.say(get(""));
            stage.answer(0, OK);
            assertThat(stage.answered()).contains(SET + "a; Path=/; HttpOnly; SameSite=Lax\r\n");
            stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Forwarded-Proto: https\r\n\r\n");
            stage.answer(0, OK);
            assertThat(stage.answered()).contains(SET + "a" + ATTRIBUTES);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "a=1; b=2, a=1; b=2",
        "culvert-instance=x; a=1, a=1",
        "a=1;culvert-instance=x;culvert-instance=y; b, a=1; b",
        "a=culvert-instance=x, a=culvert-instance=x",
        "my-culvert-instance=x, my-culvert-instance=x",
        "culvert-instance=x,",
        "culvert-instance=x; ,",
    })
    void targetsDoNotSeeIt(String field, String left) {
        assertThat(WayCookie.without(field)).isEqualTo(left);
    }

    @Test
    void soManyAreLookedAt() {
        DefaultHttpHeaders fields = new DefaultHttpHeaders();
        IntStream.range(0, 3 * WayCookie.MAX_VALUES)
                .forEach(i -> fields.add(HttpHeaderNames.COOKIE, "a=b; culvert-instance=" + i));
        assertThat(WayCookie.values(fields)).hasSize(WayCookie.MAX_VALUES).startsWith("0", "1");
    }
}
