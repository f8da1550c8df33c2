package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.WHOLE;
import static dev.culvert.gateway.web.RawHttp2.ascii;
import static dev.culvert.gateway.web.RawHttp2.headers;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Connections to a target that is told whose they are: they serve one browser's connection, and end with it. */
final class OwnConnectionsTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: " + Stage.NAME + "\r\n\r\n";

    private final RawStage raw = new RawStage();

    @AfterEach
    void close() {
        raw.close();
        assertThat(raw.usedMemory()).isZero();
    }

    private ServedStage browser(boolean h2c) {
        ServedStage browser = raw.plain(h2c);
        browser.stage().ofOneBrowser = true;
        return browser;
    }

    private static void asks(ServedStage browser, int requests) {
        for (int i = 0; i < requests; i++) {
            browser.say(ascii(GET));
            assertThat(new String(browser.heard(), StandardCharsets.ISO_8859_1)).startsWith("HTTP/1.1 200 OK\r\n");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itIsUsedAgainAndEndsWithTheBrowser(boolean h2c) {
        ServedStage browser = browser(h2c);
        asks(browser, 3);
        assertThat(browser.stage().targets).singleElement().matches(Stage.End::isActive);
        browser.stage().browser.end();
        assertThat(browser.stage().targets).singleElement().matches(t -> !t.isActive());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itEndsWithABrowserThatGoesInTheMiddle(boolean h2c) {
        ServedStage browser = browser(h2c);
        browser.say(ascii(GET.replace(" / ", " /hold ")));
        assertThat(browser.stage().targets).singleElement().matches(Stage.End::isActive);
        browser.stage().browser.end();
        assertThat(browser.stage().targets).singleElement().matches(t -> !t.isActive());
    }

    /** With the connection, not with the stream. */
    @Test
    void streamsOfOneBrowserShareIt() {
        RawStage.Visitor browser = raw.visitor(true);
        browser.stage().ofOneBrowser = true;
        browser.begin();
        for (int stream = 1; stream < 9; stream += 2) {
            browser.send(headers(stream, WHOLE, browser.get()));
            browser.serves(stream);
        }
        assertThat(browser.stage().targets).singleElement().matches(Stage.End::isActive);
        browser.stage().browser.end();
        assertThat(browser.stage().targets).singleElement().matches(t -> !t.isActive());
    }

    /** Those that others may use stay. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void sharedOnesStay(boolean h2c) {
        ServedStage browser = raw.plain(h2c);
        asks(browser, 1);
        browser.stage().browser.end();
        assertThat(browser.stage().targets).singleElement().matches(Stage.End::isActive);
    }

    /** One that has ended leaves nothing behind at the browser's. */
    @Test
    void oneThatHasEndedIsForgotten() {
        ServedStage browser = browser(false);
        asks(browser, 1);
        browser.stage().targets.get(0).end();
        asks(browser, 1);
        assertThat(browser.stage().targets).hasSize(2);
        browser.stage().browser.end();
        assertThat(browser.stage().targets).noneMatch(Stage.End::isActive);
    }
}
