package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One browser in HTTP/1.1, and what its target is sent. */
final class ExchangeTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n";
    private static final String POST = "POST /up HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 10\r\n\r\n";
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

    private Stage stage = new Stage();

    @AfterEach
    void close() {
        stage.close();
    }

    @Test
    void aRequestAndItsAnswer() {
        stage.say("GET /a?b=c HTTP/1.1\r\nHost: App.example.com:8443\r\nCookie: x=1\r\n\r\n");
        assertThat(stage.asked(0))
                .isEqualTo("GET /a?b=c HTTP/1.1\r\nhost: App.example.com:8443\r\nCookie: x=1\r\n"
                        + "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
                        + "X-Forwarded-Host: App.example.com:8443\r\nX-Real-IP: 203.0.113.9\r\n"
                        + "Forwarded: for=203.0.113.9;host=\"App.example.com:8443\";proto=https\r\n\r\n");
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhi");
        assertThat(stage.answered())
                .isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhi");
    }

    @Test
    void whatBecameOfRequestsIsTold() {
        stage.say(POST + "0123456789");
        stage.answer(0, OK);
        assertThat(stage.records).singleElement().satisfies(r -> {
            assertThat(r.status()).isEqualTo(200);
            assertThat(r.bytesIn()).isEqualTo(10);
            assertThat(r.bytesOut()).isEqualTo(2);
            assertThat(r.whole()).isTrue();
        });
        stage.say(GET);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        stage.targets.get(0).close();
        assertThat(stage.records.get(1).whole()).isFalse();
        assertThat(stage.records.get(1).bytesOut()).isEqualTo(4);
    }

    @Test
    void aBrowserThatLeavesBeforeItIsAnsweredIsTold() {
        stage.say(GET);
        stage.browser.close();
        assertThat(stage.records).singleElement().satisfies(r -> {
            assertThat(r.status()).isEqualTo(499);
            assertThat(r.firstByte()).isNull();
        });
    }

    @Test
    void fieldsOfAConnectionEndThere() {
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
                + "Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nProxy-Authorization: secret\r\nTE: gzip\r\n"
                + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX-Stays: 1\r\n\r\n");
        assertThat(stage.asked(0))
                .contains("X-Stays: 1\r\n")
                .doesNotContain("Hop", "onnection", "Keep-Alive", "secret", "TE:", "pgrade", "HTTP2");
        stage.answer(
                0,
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Back\r\nX-Back: 1\r\nKeep-Alive: timeout=5\r\n"
                        + "Alt-Svc: h3=\":443\"\r\nX-Stays: 1\r\n\r\n");
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Stays: 1\r\n\r\n");
    }

    @Test
    void whatABrowserSaysOfItselfIsNotBelieved() {
        stage.say("GET / HTTP/1.1\r\n"
                + "Host: app.example.com\r\n"
                + "X-Forwarded-For: 10.0.0.1\r\n"
                + "X-Forwarded-Proto: http\r\n"
                + "X_Forwarded_For: 10.0.0.2\r\n"
                + "X-Forwarded-Port: 1\r\n"
                + "Forwarded: for=10.0.0.3\r\n"
                + "X-Real-Ip: 10.0.0.4\r\n"
                + "Connection: X-Forwarded-For\r\n\r\n");
        assertThat(stage.asked(0))
                .contains("X-Forwarded-For: 203.0.113.9\r\n", "X-Forwarded-Proto: https\r\n")
                .doesNotContain("10.0.0", "Port");
    }

    @Test
    void aTrustedProxyIsBelieved() {
        stage.close();
        stage = new Stage("http/1.1", false, true);
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
                + "Forwarded: for=10.0.0.1\r\n\r\n");
        assertThat(stage.asked(0))
                .contains(
                        "X-Forwarded-For: 10.0.0.1, 203.0.113.9\r\n",
                        "X-Forwarded-Proto: https\r\n",
                        "Forwarded: for=10.0.0.1, for=203.0.113.9;host=\"app.example.com\";proto=http\r\n");
    }

    @Test
    void bodiesAreStreamedBothWays() {
        stage.say(POST + "01234");
        assertThat(stage.asked(0)).contains("content-length: 10\r\n").endsWith("\r\n\r\n01234");
        stage.say("56789");
        assertThat(stage.asked(0)).isEqualTo("56789");
        stage.answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
        stage.answer(0, "2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
        assertThat(stage.answered()).isEqualTo("2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    }

    @Test
    void aChunkedRequestStaysOne() {
        stage.say("POST / HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n");
        assertThat(stage.asked(0)).contains("transfer-encoding: chunked\r\n").endsWith("\r\n\r\n3\r\nabc\r\n");
        stage.say("0\r\nX-Sum: 3\r\nHost: evil\r\nX-Forwarded-For: evil\r\n\r\n");
        assertThat(stage.asked(0)).isEqualTo("0\r\nX-Sum: 3\r\n\r\n");
    }

    @Test
    void connectionsAreUsedAgainAndPipelinedRequestsWaitTheirTurn() {
        stage.say(GET + GET + GET);
        assertThat(stage.asked(0).split("GET", -1)).hasSize(2);
        stage.answer(0, OK);
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.asked(0)).startsWith("GET");
        stage.answer(0, OK);
        stage.answer(0, OK);
        assertThat(stage.answered()).isEqualTo(OK + OK + OK);
        assertThat(stage.browser.isActive()).isTrue();
        stage.pass(Http1Targets.IDLE_SECONDS);
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void aKeptConnectionIsNotUsedWhenItMayNotServe() {
        AtomicBoolean may = new AtomicBoolean(true);
        stage.published = new Same(Objects.requireNonNull(stage.published)) {
            @Override
            public boolean mayServe(Channel connection) {
                return may.get();
            }
        };
        stage.say(GET);
        stage.answer(0, OK);
        stage.say(GET);
        stage.answer(0, OK);
        assertThat(stage.targets).hasSize(1);
        may.set(false);
        stage.say(GET);
        assertThat(stage.targets).hasSize(2);
        assertThat(stage.targets.get(0).isActive()).isFalse();
        stage.answer(1, OK);
    }

    /** All of these are one site, whoever connects to it. */
    private static class Same implements Site {
        private final Site site;

        Same(Site site) {
            this.site = site;
        }

        @Override
        public String name() {
            return site.name();
        }

        @Override
        public SiteOptions options() {
            return site.options();
        }

        @Override
        public Future<? extends Channel> connect(EventLoop loop) {
            return site.connect(loop);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Same;
        }

        @Override
        public int hashCode() {
            return 1;
        }
    }

    /** Many browsers keep many connections busy, and none is made anew for each request; with the load most of them go. */
    @Test
    void moreConnectionsAreKeptWhileALoadLasts() {
        List<Stage> browsers = new ArrayList<>();
        for (int i = 0; i < 2 * Http1Targets.FEW; i++) {
            Stage one = new Stage();
            one.published = new Same(Objects.requireNonNull(one.published));
            one.say(GET);
            browsers.add(one);
        }
        browsers.forEach(one -> one.answer(0, OK));
        for (Stage one : browsers) {
            one.say(GET);
            one.answer(0, OK);
            assertThat(one.targets).hasSize(1);
        }
        browsers.forEach(one -> one.pass(Http1Targets.SURPLUS_IDLE_SECONDS));
        assertThat(browsers.stream().filter(one -> one.targets.get(0).isActive()))
                .hasSize(Http1Targets.FEW);
        browsers.forEach(one -> one.pass(Http1Targets.IDLE_SECONDS));
        assertThat(browsers.stream().filter(one -> one.targets.get(0).isActive()))
                .isEmpty();
        browsers.forEach(Stage::close);
    }

    @ParameterizedTest
    @CsvSource({
        "Authorization: NTLM TlRM, X: 1",
        "authorization: negotiate YII, X: 1",
        "X: 1, WWW-Authenticate: Negotiate",
        "X: 1, 'WWW-Authenticate: Basic realm=x, NTLM'",
        "X: 1, Persistent-Auth: true"
    })
    void aConnectionThatMayHaveBecomeSomebodysIsNotUsedForOthers(String asked, String answered) {
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\n" + asked + "\r\n\r\n");
        stage.answer(0, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n" + answered + "\r\n\r\n");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        assertThat(stage.answered()).startsWith("HTTP/1.1 401 ");
        assertThat(stage.browser.isActive()).isTrue();
    }

    @Test
    void thousandsOfPipelinedRequestsInOneReadDoNotExhaustTheStack() {
        stage.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(Http1Front.MAX_REQUESTS));
        assertThat(stage.answered().split("404 Not Found\r\n", -1)).hasSize(Http1Front.MAX_REQUESTS + 1);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void theTargetIsReadOnlyWhileTheBrowserReads() {
        stage.say(GET);
        int before = stage.targets.get(0).reads;
        stage.browser.takes(false);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
        stage.answer(0, "y");
        assertThat(stage.targets.get(0).reads).isEqualTo(before);
        stage.browser.takes(true);
        assertThat(stage.targets.get(0).reads).isEqualTo(before + 1);
        stage.answer(0, "z");
        assertThat(stage.targets.get(0).reads).isEqualTo(before + 2);
    }

    @Test
    void pipelinedRequestsAreServedOnlyWhileTheBrowserReads() {
        stage.browser.takes(false);
        stage.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3));
        int before = stage.browser.reads;
        stage.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assertThat(stage.browser.reads).isEqualTo(before);
        assertThat(stage.answered()).containsOnlyOnce("404 Not Found\r\n");
        stage.browser.takes(true);
        assertThat(stage.answered().split("404 Not Found\r\n", -1)).hasSize(4);
        assertThat(stage.browser.reads).isGreaterThan(before);
        stage.browser.takes(false);
        stage.say(GET);
        assertThat(stage.targets.get(0).reads).isZero();
        stage.browser.takes(true);
        assertThat(stage.targets.get(0).reads).isEqualTo(1);
    }

    @Test
    void theNextRequestHasAllOfItsTimeBehindALargeAnswer() {
        stage.options = SiteOptions.PLAIN.withAnswerSeconds(2 * (int) Http1Front.KEEP_ALIVE_SECONDS);
        stage.say(GET + GET);
        String large = "x".repeat(200_000);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + large);
        stage.pass(2 * Http1Front.KEEP_ALIVE_SECONDS - 1);
        stage.answer(0, OK);
        assertThat(stage.answered()).endsWith(large + OK);
    }

    @Test
    void theBrowserIsReadOnlyWhileTheTargetReads() {
        stage.say(POST);
        stage.targets.get(0).takes(false);
        int before = stage.browser.reads;
        stage.say("0123");
        assertThat(stage.browser.reads).isEqualTo(before);
        stage.targets.get(0).takes(true);
        assertThat(stage.browser.reads).isGreaterThan(before);
    }

    @Test
    void aBodyIsNotReadBeforeThereIsATarget() {
        stage.holdsConnects = true;
        stage.say(POST + "01234");
        int before = stage.browser.reads;
        stage.say("56789"); // what one read had taken, at most
        assertThat(stage.browser.reads).isEqualTo(before);
        stage.pending().setSuccess(stage.site.target(stage.browser.eventLoop()));
        stage.browser.runPendingTasks();
        assertThat(stage.asked(0)).endsWith("\r\n\r\n0123456789");
    }

    @Test
    void behindAnIdleConnectionThatHadBeenClosedARequestIsSentAgain() {
        stage.say(GET);
        stage.answer(0, OK);
        stage.say(GET);
        stage.asked(0);
        stage.targets.get(0).end();
        assertThat(stage.asked(1)).startsWith("GET / ").endsWith("\r\n\r\n");
        stage.answer(1, OK);
        assertThat(stage.answered()).isEqualTo(OK + OK);
    }

    @Test
    void onceOnlyAndOnlyWhatMayBeSentTwice() {
        stage.say(GET);
        stage.answer(0, OK);
        stage.say(GET);
        stage.targets.get(0).end();
        stage.targets.get(1).end();
        assertThat(stage.targets).hasSize(2);
        assertThat(stage.answered()).contains("502 Bad Gateway", "closed the connection without an answer");
        stage.say(GET);
        stage.answer(2, OK);
        stage.pass(Http1Targets.FRESH_SECONDS + 1);
        stage.say(POST + "0123456789");
        assertThat(stage.targets).hasSize(4); // one that has rested for long is not risked
        stage.targets.get(3).end();
        assertThat(stage.targets).hasSize(4);
        assertThat(stage.answered()).contains("502");
    }

    @Test
    void anUpgradeIsNotSentAgain() {
        stage.say(GET);
        stage.answer(0, OK);
        stage.pass(1);
        stage.say("GET /ws HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assertThat(stage.targets).hasSize(1);
        stage.targets.get(0).end();
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.answered()).startsWith(OK).contains("502 Bad Gateway");
    }

    @Test
    void anIdleConnectionThatSpeaksIsClosed() {
        stage.say(GET);
        stage.answer(0, OK + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
        assertThat(stage.answered()).isEqualTo(OK);
        stage.say(GET);
        stage.answer(1, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    @Test
    void anEarlyAnswerEndsTheConnectionBehindIt() {
        stage.say(POST + "0123");
        stage.answer(0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        assertThat(stage.answered()).contains("connection: close\r\n").endsWith("no");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        assertThat(stage.browser.isActive()).isTrue(); // the rest is thrown away
        stage.say("456789" + GET);
        assertThat(stage.targets).hasSize(1);
        stage.pass(Http1Front.LINGER_SECONDS);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void aTargetThatEndsWithinItsAnswerEndsTheBrowsersConnection() {
        stage.say(GET);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
        stage.targets.get(0).end();
        assertThat(stage.answered()).endsWith("ab");
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void anAnswerThatEndsWithItsConnectionIsChunkedForHttp11() {
        stage.say(GET);
        stage.answer(0, "HTTP/1.1 200 OK\r\n\r\nab");
        stage.targets.get(0).pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        assertThat(stage.answered())
                .isEqualTo("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        assertThat(stage.browser.isActive()).isTrue();
    }

    @Test
    void http10IsNeverChunked() {
        stage.say("GET / HTTP/1.0\r\nHost: app.example.com\r\nConnection: keep-alive\r\n\r\n");
        assertThat(stage.asked(0)).startsWith("GET / HTTP/1.1\r\n");
        stage.answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nab");
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void headHasNoBody() {
        stage.say("HEAD / HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        stage.answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        stage.say("HEAD / HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
        stage.say("HEAD / HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
        assertThat(stage.answered())
                .startsWith("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nHTTP/1.1 404 Not Found")
                .endsWith("\r\n\r\n");
        assertThat(stage.browser.isActive()).isTrue();
    }

    @Test
    void expectationsGoToTheTarget() {
        stage.say("POST / HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        assertThat(stage.asked(0)).contains("expect: 100-continue");
        stage.answer(0, "HTTP/1.1 100 Continue\r\n\r\n");
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 100 Continue\r\n\r\n");
        stage.say("ab");
        assertThat(stage.asked(0)).isEqualTo("ab");
        stage.answer(0, OK);
        assertThat(stage.answered()).isEqualTo(OK);
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nExpect: the-unexpected\r\n\r\n");
        assertThat(stage.answered()).contains("417");
    }

    @Test
    void earlyHintsPass() {
        stage.say(GET);
        stage.answer(0, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK);
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK);
    }

    @Test
    void anUpgradePassesBytesBothWays() {
        stage.say("GET /ws HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Key: k\r\n\r\nearly");
        assertThat(stage.asked(0))
                .contains("connection: upgrade\r\nupgrade: websocket\r\n")
                .doesNotContain("early");
        stage.answer(
                0,
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        + "Sec-WebSocket-Accept: a\r\n\r\nfirst");
        assertThat(stage.answered())
                .startsWith("HTTP/1.1 101 Switching Protocols\r\n")
                .contains("connection: upgrade\r\n", "upgrade: websocket\r\n", "Sec-WebSocket-Accept: a\r\n")
                .endsWith("\r\n\r\nfirst");
        assertThat(stage.asked(0)).isEqualTo("early");
        stage.say("GET / HTTP/1.1\n\n");
        assertThat(stage.asked(0)).isEqualTo("GET / HTTP/1.1\n\n");
        stage.answer(0, "HTTP");
        assertThat(stage.answered()).isEqualTo("HTTP");
        stage.targets.get(0).end();
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void anUpgradeThatIsDeclinedIsAnAnswer() {
        stage.say("GET /ws HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        stage.answer(0, OK);
        stage.say(GET);
        assertThat(stage.asked(0)).endsWith("\r\n\r\n").doesNotEndWith("pgrade: websocket\r\n\r\n");
        stage.answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assertThat(stage.answered()).startsWith(OK).contains("502 Bad Gateway", "not HTTP"); // unasked
    }

    @ParameterizedTest
    @CsvSource({
        "NO_AGENT, 503, is not connected",
        "LINK_LOST, 503, was lost",
        "CONNECTION_REFUSED, 502, refuses connections",
        "TIMED_OUT, 504, not answered in time",
        "HOST_UNREACHABLE, 502, host unreachable",
        "NAME_NOT_FOUND, 502, does not know",
        "OVERLOADED, 503, too many"
    })
    void pagesSayWhatIsWrong(Reason reason, int status, String words) {
        stage.refusal = new FlowException(reason, "x");
        stage.say(GET);
        assertThat(stage.answered()).startsWith("HTTP/1.1 " + status + " ").contains("text/html", words, Stage.NAME);
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nAccept: application/json\r\n\r\n");
        assertThat(stage.answered()).contains("application/json", "{\"status\":" + status, words);
    }

    /** Between the choice of a site and the connection to its target what is published may become another. */
    @Test
    void whatIsPublishedMeanwhileAnswers() {
        Stage.TestSite next = stage.new TestSite(null);
        stage.holdsConnects = true;
        stage.say(GET);
        stage.published = next;
        stage.holdsConnects = false;
        stage.pending().setFailure(new FlowException(Reason.PROHIBITED, "withdrawn"));
        assertThat(stage.asked(0)).startsWith("GET / ");
        stage.answer(0, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    @Test
    void whatIsWithdrawnMeanwhileIsNotFound() {
        stage.holdsConnects = true;
        stage.say(GET);
        stage.published = null;
        stage.pending().setFailure(new FlowException(Reason.PROHIBITED, "withdrawn"));
        assertThat(stage.answered()).startsWith("HTTP/1.1 404 ");
    }

    /** What may have been served is not sent again. */
    @Test
    void whatIsWithdrawnUnderARequestIsSaid() {
        stage.say(POST + "01234");
        stage.published = stage.new TestSite(null);
        stage.targets.get(0).end();
        assertThat(stage.answered()).startsWith("HTTP/1.1 503 ").contains("has just been changed");
        assertThat(stage.targets).hasSize(1);
    }

    @Test
    void unknownNamesAreNotFound() {
        stage.say("GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
        assertThat(stage.answered()).contains("404 Not Found", "other.example.com");
    }

    @Test
    void timeOuts() {
        stage.say(GET);
        stage.pass(SiteOptions.ANSWER_SECONDS);
        assertThat(stage.answered()).contains("504 Gateway");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        stage.say(POST + "0");
        stage.pass(Patience.BODY_SECONDS);
        assertThat(stage.answered()).contains("408 Request Timeout");
        stage.pass(Http1Front.LINGER_SECONDS);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void whoWaitsFor100IsNotToBlame() {
        String expecting =
                "POST / HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
        stage.say(expecting);
        stage.pass(SiteOptions.ANSWER_SECONDS);
        assertThat(stage.answered()).contains("504 Gateway");
        stage.close();
        stage = new Stage();
        stage.say(expecting);
        stage.answer(0, "HTTP/1.1 100 Continue\r\n\r\n");
        stage.pass(Patience.BODY_SECONDS);
        assertThat(stage.answered()).contains("408 Request Timeout");
    }

    @Test
    void connectingIsTimedOut() {
        stage.holdsConnects = true;
        stage.say(GET);
        stage.pass(Patience.CONNECT_SECONDS);
        assertThat(stage.answered()).contains("504 Gateway");
        assertThat(stage.pending().isCancelled()).isTrue();
    }

    @Test
    void aHeadIsWaitedForFromItsFirstByte() {
        stage.say(GET);
        stage.answer(0, OK);
        stage.pass(Http1Front.KEEP_ALIVE_SECONDS - 1);
        stage.say("GET / HTTP/1.1\r\n");
        for (int i = 0; i < Http1Front.HEAD_SECONDS; i++) {
            assertThat(stage.browser.isActive()).isTrue();
            stage.say("X-" + i + ": 1\r\n");
            stage.pass(1);
        }
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void anIdleConnectionIsClosed() {
        stage.say(GET);
        stage.answer(0, OK);
        stage.pass(Http1Front.KEEP_ALIVE_SECONDS);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void aSlowReaderIsGivenTimeForTheEndOfItsAnswer() {
        stage.browser.stalls = true;
        stage.say(GET);
        stage.answer(0, OK);
        stage.pass(Patience.WRITE_SECONDS - 1);
        assertThat(stage.browser.isActive()).isTrue();
        stage.browser.stalls = false;
        stage.browser.flush();
        assertThat(stage.answered()).isEqualTo(OK);
        stage.pass(Http1Front.KEEP_ALIVE_SECONDS - 1);
        assertThat(stage.browser.isActive()).isTrue();
        stage.pass(1);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void aReaderThatStopsIsNotWaitedForForEver() {
        stage.browser.stalls = true;
        stage.say(GET);
        stage.answer(0, OK);
        stage.pass(Patience.WRITE_SECONDS);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void aBrowserThatGoesFreesTheTarget() {
        stage.say(GET);
        stage.browser.end();
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void aBrowserThatGoesGivesUpConnecting() {
        stage.holdsConnects = true;
        stage.say(GET);
        stage.browser.end();
        assertThat(stage.pending().isCancelled()).isTrue();
    }

    @Test
    void bodiesThatAreTooLarge() {
        stage.options = SiteOptions.PLAIN.withMaxBody(9);
        stage.say(POST + "0123456789");
        assertThat(stage.answered()).contains("413", "9 bytes", "connection: close");
        assertThat(stage.targets).isEmpty();
        stage.close();
        stage = new Stage();
        stage.options = SiteOptions.PLAIN.withMaxBody(9);
        stage.say("POST / HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n012345678\r\n");
        stage.say("1\r\n9\r\n0\r\n\r\n");
        assertThat(stage.answered()).contains("413", "connection: close");
        assertThat(stage.asked(0)).endsWith("\r\n9\r\n012345678\r\n"); // which is not whole
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void pathsAndHostsAreRewritten() {
        stage.options = SiteOptions.PLAIN.withPath("/app", "/v1").withHost("inner:8080");
        stage.say("GET /app/x?y HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        assertThat(stage.asked(0))
                .startsWith("GET /v1/x?y HTTP/1.1\r\nhost: inner:8080\r\n")
                .contains("X-Forwarded-Host: app.example.com\r\n", "X-Forwarded-Prefix: /app\r\n");
        stage.answer(0, OK);
        stage.say("GET /app?y HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        assertThat(stage.asked(0)).startsWith("GET /v1/?y HTTP/1.1\r\n");
    }

    @ParameterizedTest
    @CsvSource({
        "/app//evil.example/x, /evil.example/x",
        "/app/\\\\evil.example, /evil.example",
        "/app///, /",
        "/app/a//b, /a//b"
    })
    void aPathWithoutItsPrefixIsNoHost(String asked, String sent) {
        stage.options = SiteOptions.PLAIN.withPath("/app", "");
        stage.say("GET " + asked + " HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        assertThat(stage.asked(0)).startsWith("GET " + sent + " HTTP/1.1\r\n");
    }

    @Test
    void whoIsNotLetInIsToldWhyAndTheTargetHearsNothing() {
        stage.turnsAway = new Refusal(HttpResponseStatus.TOO_MANY_REQUESTS, "Slowly.", "Retry-After", "7");
        stage.say(GET);
        assertThat(stage.answered()).contains("429 Too Many Requests", "Retry-After: 7\r\n", "Slowly.");
        assertThat(stage.targets).isEmpty();
        stage.turnsAway = new IllegalStateException("secret");
        stage.say(GET);
        assertThat(stage.answered()).contains("500 Internal").doesNotContain("secret");
        stage.turnsAway = null;
        stage.say(GET);
        assertThat(stage.targets).hasSize(1);
    }

    /** Looking at a password takes its time: nothing of a body is read until then, and who goes is forgotten. */
    @Test
    void whoIsLetInLaterIsServedThen() {
        stage.holdsEntry = true;
        stage.say(POST);
        int reads = stage.browser.reads;
        assertThat(stage.targets).isEmpty();
        stage.entry().setSuccess("ann");
        stage.pass(0);
        assertThat(stage.browser.reads).isGreaterThan(reads);
        stage.say("0123456789");
        assertThat(stage.asked(0)).contains("X-Forwarded-User: ann\r\n").endsWith("0123456789");
        stage.answer(0, OK);
        assertThat(stage.answered()).isEqualTo(OK);
        stage.say(GET);
        stage.browser.end();
        stage.entry().setSuccess("ann");
        stage.pass(0);
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.asked(0)).isEmpty();
    }

    /** What is for the gateway is not for the target, and nobody but the gateway says who asks. */
    @Test
    void aUserIsToldAndThePasswordIsNot() {
        stage.user = "ann";
        String head = "GET / HTTP/1.1\r\nHost: app.example.com\r\nauthorization: Basic YW5uOng=\r\n"
                + "Authorization: Bearer z\r\nX-Forwarded-User: root\r\nX_Forwarded_User: root\r\n\r\n";
        stage.say(head);
        assertThat(stage.asked(0)).contains("X-Forwarded-User: ann\r\n").doesNotContain("YW5u", "Bearer", "root");
        stage.answer(0, OK);
        stage.user = "";
        stage.say(head);
        assertThat(stage.asked(0)).contains("Basic YW5uOng=").doesNotContain("root", "orwarded-User");
        stage.close();
        stage = new Stage("http/1.1", false, true);
        stage.user = "ann";
        stage.say(head);
        assertThat(stage.asked(0))
                .as("from a trusted proxy")
                .contains("X-Forwarded-User: ann\r\n")
                .doesNotContain("root");
        stage.answer(0, OK);
        stage.user = "";
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Forwarded-User: root\r\nX-Forwarded-Prefix: /root\r\n"
                + "X-Real-IP: 127.0.0.1\r\nX-Forwarded-Port: 444\r\n\r\n");
        assertThat(stage.askedWhole(0))
                .as("which passes on what it does not know")
                .contains("X-Forwarded-Port: 444\r\n", "X-Real-IP: 203.0.113.9\r\n")
                .doesNotContain("root", "127.0.0.1");
    }

    @Test
    void eachRequestHasANumber() {
        String said = "GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Request-Id: theirs-1\r\nX_Request_Id: theirs-1\r\n";
        stage.say(said + "\r\n");
        assertThat(stage.askedWhole(0))
                .containsPattern("X-Request-Id: [0-9a-f]{32}\r\n")
                .doesNotContain("theirs");
        stage.close();
        stage = new Stage("http/1.1", false, true);
        stage.say(said + "\r\n");
        assertThat(stage.askedWhole(0)).as("of a trusted proxy").contains("X-Request-Id: theirs-1\r\n");
        stage.answer(0, OK);
        stage.say(said + "X-Request-Id: another\r\n\r\n");
        assertThat(stage.askedWhole(0))
                .as("which says two")
                .containsPattern("X-Request-Id: [0-9a-f]{32}\r\n")
                .doesNotContain("theirs", "another");
    }

    /** 198.51.100.0/24 are trusted as well, and 203.0.113.9 is the peer. */
    @Test
    void theVisitorIsWhomTrustedProxiesName() {
        stage.close();
        stage = new Stage("http/1.1", true, true);
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Forwarded-Proto: http\r\n"
                + "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 198.51.100.2\r\n\r\n");
        assertThat(stage.asked(0))
                .contains(
                        "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 198.51.100.2, 203.0.113.9\r\n",
                        "X-Real-IP: 192.0.2.7\r\n",
                        "X-Forwarded-Proto: http\r\n");
    }

    @Test
    void strictTransportSecurity() {
        stage.options = SiteOptions.PLAIN.withHttps(443, 3600);
        stage.say(GET);
        stage.answer(0, OK);
        assertThat(stage.answered()).contains("Strict-Transport-Security: max-age=3600\r\n");
        stage.close();
        stage = new Stage("http/1.1", false, false);
        stage.options = SiteOptions.PLAIN.withHttps(8443, 3600);
        stage.say("GET /a?b HTTP/1.1\r\nHost: app.example.com:80\r\n\r\n");
        assertThat(stage.answered())
                .contains("308 Permanent Redirect", "location: https://app.example.com:8443/a?b\r\n")
                .doesNotContain("Strict");
    }
}
