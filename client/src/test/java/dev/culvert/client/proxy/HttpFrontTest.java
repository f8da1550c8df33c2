package dev.culvert.client.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.forward.TestSocket;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a browser and a target say to each other through the proxy. */
@NullUnmarked
final class HttpFrontTest {
    private static final String GET = "GET http://10.1.0.7/a HTTP/1.1\r\nHost: 10.1.0.7\r\nAccept: x\r\n\r\n";
    private static final String ONWARD =
            "GET /a HTTP/1.1\r\nAccept: x\r\nvia: 1.1 culvert\r\nhost: 10.1.0.7\r\nconnection: close\r\n\r\n";

    private ProxyBench bench = new ProxyBench();

    @AfterEach
    void end() {
        bench.close();
    }

    private TestSocket send(String text) {
        TestSocket client = bench.connect();
        client.send(text);
        bench.link.settle();
        return client;
    }

    private static String onward(String data) {
        return data.replaceAll("(?i)\\bHost:", "host:").replaceAll("(?i)\\bVia:", "via:");
    }

    /** The target ends what it says. */
    private void fin(int id) {
        bench.link.frame(Frame.FIN, 0, id);
    }

    @Test
    void connectBecomesAStreamOfBytes() {
        TestSocket client = send("CONNECT 10.1.0.7:443 HTTP/1.1\r\nHost: 10.1.0.7:443\r\n\r\n");
        WebSocketMessage open = bench.link.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).destination().port()).isEqualTo(443);
        assertThat(client.take()).as("before the far side is there").isEmpty();
        bench.link.opened(open.flowId());
        assertThat(client.take()).isEqualTo("HTTP/1.1 200 Connection established\r\n\r\n");
        client.send("\u0016\u0003\u0001 not HTTP\r\n\r\n");
        assertThat(bench.link.takeData()).isEqualTo("\u0016\u0003\u0001 not HTTP\r\n\r\n");
        bench.link.data(open.flowId(), "HTTP/1.1 nor this\r\n\r\n");
        assertThat(client.take()).isEqualTo("HTTP/1.1 nor this\r\n\r\n");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatComesBehindConnectIsForTheFarSide(boolean bytewise) {
        TestSocket client = bench.connect();
        String all = "CONNECT 10.1.0.7:443 HTTP/1.1\r\n\r\n\u0016\u0003GET x\r\n\r\n";
        if (bytewise) {
            for (char c : all.toCharArray()) {
                client.send((byte) c);
            }
        } else {
            client.send(all);
        }
        bench.open();
        assertThat(bench.link.takeData()).isEqualTo("\u0016\u0003GET x\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 200 ");
    }

    @ParameterizedTest
    @CsvSource({
        "CONNECTION_REFUSED, 502",
        "HOST_UNREACHABLE, 502",
        "NETWORK_UNREACHABLE, 502",
        "NAME_NOT_FOUND, 502",
        "NO_AGENT, 502",
        "TIMED_OUT, 504",
        "PROHIBITED, 403"
    })
    void theStatusSaysWhatTheAgentMet(Reason met, int status) {
        for (String request : new String[] {"CONNECT 10.1.0.7:443 HTTP/1.1\r\n\r\n", GET}) {
            TestSocket client = send(request);
            bench.link.refused(bench.link.oneFrame(Frame.OPEN).flowId(), met);
            assertThat(client.take()).startsWith("HTTP/1.1 " + status + " ").contains(met.words());
            client.endInput();
            assertThat(client.isOpen()).isFalse();
        }
    }

    @Test
    void whatNoAgentServesIsRefused() {
        TestSocket client = send("CONNECT 10.2.0.7:443 HTTP/1.1\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 502 ").contains("no agent serves");
        assertThat(bench.link.takeFrames()).isEmpty();
    }

    @Test
    void aRequestGoesOnAndTheConnectionStaysForTheNext() {
        TestSocket client = bench.connect();
        for (int i = 0; i < 3; i++) {
            client.send(GET);
            int id = bench.open();
            assertThat(onward(bench.link.takeData())).isEqualTo(ONWARD);
            bench.link.data(
                    id, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\nabc");
            String answer = client.take();
            assertThat(answer)
                    .startsWith("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n")
                    .endsWith("\r\n\r\nabc")
                    .doesNotContain("Hop")
                    .doesNotContainIgnoringCase("connection:");
            fin(id);
            bench.link.takeFrames();
            assertThat(client.isOpen()).isTrue();
        }
        bench.link.advanceLinked(6_000);
        assertThat(bench.link.uplink.flowCount()).isZero();
    }

    @Test
    void requestsThatComeAtOnceAreAnsweredOneAfterTheOther() {
        TestSocket client = send(GET + GET.replace("/a ", "/b "));
        int first = bench.open();
        assertThat(bench.link.takeData()).startsWith("GET /a ");
        bench.link.data(first, "HTTP/1.1 204 No Content\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 204 ");
        int second = bench.link.takeFrames().stream()
                .filter(f -> f.type() == Frame.OPEN)
                .findFirst()
                .orElseThrow()
                .flowId();
        bench.link.opened(second);
        assertThat(bench.link.takeData()).startsWith("GET /b ");
        bench.link.data(second, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 404 ");
    }

    @Test
    void aBodyGoesOnInBothDirections() {
        TestSocket client = send("POST http://10.1.0.7/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        int id = bench.open();
        assertThat(bench.link.takeData()).contains("chunked\r\n").endsWith("\r\n\r\n5\r\nhello\r\n");
        client.send("1\r\n!\r\n0\r\nX-Trailer: 1\r\n\r\n");
        assertThat(bench.link.takeData()).startsWith("1\r\n!\r\n0\r\n");
        bench.link.data(id, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
        assertThat(client.take()).contains("chunked\r\n").endsWith("\r\n\r\n2\r\nok\r\n");
        bench.link.data(id, "0\r\n\r\n");
        assertThat(client.take()).isEqualTo("0\r\n\r\n");
    }

    @Test
    void aTargetThatWantsToSeeTheHeadFirstDoes() {
        TestSocket client = send("PUT http://10.1.0.7/ HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        int id = bench.open();
        assertThat(bench.link.takeData()).contains("100-continue");
        bench.link.data(id, "HTTP/1.1 100 Continue\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 100 ");
        client.send("ab");
        assertThat(bench.link.takeData()).isEqualTo("ab");
        bench.link.data(id, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 201 ");
    }

    @Test
    void anAnswerThatEndsWithItsConnectionIsWhole() {
        TestSocket client = send(GET);
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\n\r\nabc");
        fin(id);
        assertThat(client.take())
                .containsIgnoringCase("transfer-encoding: chunked")
                .endsWith("3\r\nabc\r\n0\r\n\r\n");
        assertThat(client.isOpen()).isTrue();
    }

    @Test
    void anOldClientIsAnsweredWithoutChunks() {
        TestSocket client = send("GET http://10.1.0.7/a HTTP/1.0\r\n\r\n");
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        assertThat(client.take()).doesNotContainIgnoringCase("chunked").endsWith("\r\n\r\nabc");
        assertThat(client.isOutputShutdown()).isTrue();
    }

    @Test
    void anAnswerToHeadHasNoBody() {
        TestSocket client = send("HEAD http://10.1.0.7/a HTTP/1.1\r\n\r\n");
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        assertThat(client.take()).contains("Content-Length: 1000").endsWith("\r\n\r\n");
        client.send(GET);
        bench.link.takeFrames();
        assertThat(client.isOpen()).isTrue();
    }

    @Test
    void halfAnAnswerDoesNotLookLikeAWholeOne() {
        TestSocket client = send(GET);
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
        bench.link.frame(Frame.RESET, 0, id, (byte) Reason.RESET.code());
        client.take();
        assertThat(client.isOpen()).isFalse();
        assertThat(client.isOutputShutdown()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "not HTTP at all\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"
            })
    void whatIsNoAnswerIsABadGateway(String said) {
        TestSocket client = send(GET);
        int id = bench.open();
        bench.link.takeFrames();
        bench.link.data(id, said);
        assertThat(client.take()).startsWith("HTTP/1.1 502 ");
    }

    @Test
    void aTargetThatClosesWithoutAnAnswerIsABadGateway() {
        TestSocket client = send(GET);
        fin(bench.open());
        assertThat(client.take()).startsWith("HTTP/1.1 502 ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "POST http://10.1.0.7/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST http://10.1.0.7/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                "POST http://10.1.0.7/ HTTP/1.1\r\nContent-Length: -3\r\n\r\n",
                "GET http://10.1.0.7/ HTTP/1.1\r\nBad Name: x\r\n\r\n",
                "GET http://10.1.0.7/ HTTP/1.1\r\nX : y\r\n\r\n",
                "GET https://10.1.0.7/ HTTP/1.1\r\n\r\n",
                "CONNECT 10.1.0.7 HTTP/1.1\r\n\r\n",
                "G\u0001T http://10.1.0.7/ HTTP/1.1\r\n\r\n"
            })
    void whatCouldBeReadInTwoWaysIsRefusedAndNothingBehindItIsRead(String request) {
        TestSocket client = send(request + GET);
        assertThat(client.take()).startsWith("HTTP/1.1 400 ");
        assertThat(bench.link.takeFrames()).extracting(WebSocketMessage::type).doesNotContain(Frame.OPEN);
    }

    @Test
    void anotherVersionIsRefused() {
        assertThat(send("GET http://10.1.0.7/ HTTP/1.2\r\n\r\n").take()).startsWith("HTTP/1.1 505 ");
    }

    @Test
    void anEndlessHeadIsRefused() {
        TestSocket client = bench.connect();
        client.send("GET http://10.1.0.7/ HTTP/1.1\r\n");
        for (int i = 0; i < 2_000 && client.isOpen(); i++) {
            client.send("X-" + i + ": " + "y".repeat(64) + "\r\n");
        }
        assertThat(client.take()).startsWith("HTTP/1.1 4");
    }

    @Test
    void aBodyThatIsMalformedEndsBoth() {
        TestSocket client = send("POST http://10.1.0.7/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        int id = bench.open();
        bench.link.takeFrames();
        client.send("zz\r\n");
        assertThat(client.isOpen()).isFalse();
        assertThat(bench.link.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
    }

    @Test
    void whoGivesUpCancelsTheRequest() {
        TestSocket client = send(GET);
        int id = bench.link.oneFrame(Frame.OPEN).flowId();
        client.close();
        assertThat(bench.link.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
    }

    @Test
    void whoOnlyWantsToReadIsGivenItsAnswer() {
        TestSocket client = send(GET);
        client.endInput();
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        assertThat(client.take()).endsWith("abc");
        assertThat(client.isOpen()).isFalse();
    }

    @Test
    void aClientThatTakesNothingHoldsUpTheTarget() {
        TestSocket client = send(GET);
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        client.take();
        client.unsafe().outboundBuffer().setUserDefinedWritability(1, false);
        client.runPendingTasks();
        bench.link.takeFrames();
        for (int i = 0; i < 15; i++) {
            bench.link.data(id, "x".repeat(4_000));
        }
        assertThat(client.take().length()).as("what was read already").isLessThan(8_001);
        client.unsafe().outboundBuffer().setUserDefinedWritability(1, true);
        client.runPendingTasks();
        bench.link.settle();
        assertThat(client.take().length()).isGreaterThan(50_000);
    }

    /** What has been said waits in our buffer: the client's system takes no more. */
    @ParameterizedTest
    @ValueSource(strings = {"takes", "ends", "ended"})
    void theLastAnswerIsNotCutOffForASlowClient(String how) {
        TestSocket client = send("GET http://10.1.0.7/a HTTP/1.0\r\n\r\n");
        if (how.equals("ended")) {
            client.endInput();
        }
        int id = bench.open();
        client.full(true);
        bench.link.data(id, "HTTP/1.1 200 OK\r\n\r\nabc");
        fin(id);
        if (how.equals("ends")) {
            client.endInput();
        }
        bench.link.advanceLinked(100 * HttpFront.LINGER.toMillis());
        client.full(false);
        assertThat(client.take()).endsWith("\r\n\r\nabc");
        if (how.equals("takes")) {
            assertThat(client.isOutputShutdown()).isTrue();
            bench.link.advance(HttpFront.LINGER.toMillis() - 100);
            assertThat(client.isOpen()).as("until it has closed, too").isTrue();
            bench.link.advance(200);
        }
        assertThat(client.isOpen()).isFalse();
    }

    @Test
    void aConnectionIsKeptFromWhenItsAnswerIsOut() {
        TestSocket client = send(GET);
        int id = bench.open();
        client.full(true);
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        bench.link.advanceLinked(2 * HttpFront.KEEP_ALIVE.toMillis());
        client.full(false);
        assertThat(client.take()).endsWith("abc");
        bench.link.advanceLinked(HttpFront.KEEP_ALIVE.toMillis() - 1_000);
        assertThat(client.isOpen()).isTrue();
        bench.link.advanceLinked(2_000);
        assertThat(client.isOpen()).isFalse();
    }

    @Test
    void whoEndsItsInputBetweenTwoRequestsIsGivenTheAnswerBefore() {
        TestSocket client = send(GET);
        int id = bench.open();
        client.full(true);
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        client.endInput();
        client.full(false);
        assertThat(client.take()).endsWith("abc");
        assertThat(client.isOpen()).isFalse();
    }

    @Test
    void whoMayBeGoneIsNotAnsweredForEver() {
        TestSocket client = send(GET);
        client.endInput();
        int id = bench.open();
        bench.link.takeFrames();
        bench.link.advanceLinked(HttpFront.PROGRESS.toMillis() - 1_000);
        assertThat(client.isOpen()).isTrue();
        bench.link.advanceLinked(2_000);
        assertThat(client.take()).startsWith("HTTP/1.1 504 ").contains("no answer came for 60 s");
        assertThat(client.isOpen()).isFalse();
        assertThat(bench.link.takeFrames())
                .filteredOn(f -> f.type() == Frame.RESET)
                .extracting(WebSocketMessage::flowId)
                .containsExactly(id);
    }

    @Test
    void anAnswerToWhoMayBeGoneHasTimeWhileMoreOfItComesAndIsTaken() {
        TestSocket client = send(GET);
        client.endInput();
        int id = bench.open();
        bench.link.data(id, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        for (int i = 0; i < 3; i++) {
            bench.link.advanceLinked(HttpFront.PROGRESS.toMillis() - 1_000);
            bench.link.data(id, "abc");
        }
        client.take();
        client.full(true);
        bench.link.data(id, "x".repeat(60_000));
        bench.link.data(id, "x".repeat(10_000));
        assertThat(client.isWritable()).isFalse();
        bench.link.advanceLinked(10 * HttpFront.PROGRESS.toMillis());
        client.full(false);
        bench.link.settle();
        assertThat(client.take()).as("taken slowly").hasSize(70_000);
        bench.link.advanceLinked(HttpFront.PROGRESS.toMillis() - 1_000);
        assertThat(client.isOpen()).isTrue();
        bench.link.takeFrames();
        bench.link.advanceLinked(2_000);
        assertThat(client.isOpen()).isFalse();
        assertThat(client.take()).as("half an answer").isEmpty();
        assertThat(bench.link.takeFrames()).extracting(WebSocketMessage::type).contains(Frame.RESET);
    }

    @Test
    void whoSaysNoMoreOfItsRequestIsToldSo() {
        TestSocket client = send("POST http://10.1.0.7/ HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
        int id = bench.open();
        for (int i = 0; i < 3; i++) {
            bench.link.advanceLinked(HttpFront.PROGRESS.toMillis() - 1_000);
            client.send("a");
        }
        assertThat(bench.link.takeData()).endsWith("\r\n\r\naaa");
        bench.link.advanceLinked(HttpFront.PROGRESS.toMillis() + 1_000);
        assertThat(client.take()).startsWith("HTTP/1.1 408 ");
        assertThat(bench.link.takeFrames())
                .filteredOn(f -> f.type() == Frame.RESET)
                .extracting(WebSocketMessage::flowId)
                .containsExactly(id);
    }

    @Test
    void aRequestThatIsAllHereHasTimeForItsAnswer() {
        TestSocket client = send("POST http://10.1.0.7/ HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
        int id = bench.open();
        client.send("a");
        bench.link.advanceLinked(10 * HttpFront.PROGRESS.toMillis());
        bench.link.data(id, "HTTP/1.1 204 No Content\r\n\r\n");
        assertThat(client.take()).startsWith("HTTP/1.1 204 ");
    }

    @Test
    void aPasswordIsAskedFor() {
        bench.close();
        bench = new ProxyBench("alice:secret");
        assertThat(send(GET).take())
                .startsWith("HTTP/1.1 407 ")
                .containsIgnoringCase("proxy-authenticate: Basic realm=\"culvert\"");
        TestSocket wrong = send(GET.replace("Accept: x", "Proxy-Authorization: Basic YWxpY2U6c2VjcmV4"));
        assertThat(wrong.take()).isEmpty();
        bench.link.advance(ProxySettings.WRONG_PASSWORD_MILLIS);
        assertThat(wrong.take()).startsWith("HTTP/1.1 407 ");
        assertThat(bench.link.takeFrames()).isEmpty();
        send(GET.replace("Accept: x", "Proxy-Authorization: basic YWxpY2U6c2VjcmV0"));
        bench.open();
        assertThat(bench.link.takeData()).doesNotContainIgnoringCase("authorization");
    }

    @Test
    void theConfigurationIsServedAndNothingElse() {
        TestSocket client = send("GET /proxy.pac HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(client.take())
                .startsWith("HTTP/1.1 200 ")
                .containsIgnoringCase("content-type: application/x-ns-proxy-autoconfig")
                .endsWith("\r\n\r\nfunction FindProxyForURL(url, host) {}\n");
        assertThat(send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").take()).startsWith("HTTP/1.1 404 ");
        assertThat(send("POST /proxy.pac HTTP/1.1\r\nContent-Length: 0\r\n\r\n").take())
                .startsWith("HTTP/1.1 404 ");
        assertThat(bench.link.takeFrames()).isEmpty();
    }

    @Test
    void aConfigurationThatIsNotKnownYetIsToBeAskedForAgain() {
        bench.configuration = null;
        assertThat(send("GET /proxy.pac HTTP/1.1\r\nHost: localhost\r\n\r\n").take())
                .startsWith("HTTP/1.1 503 ")
                .containsIgnoringCase("retry-after: 5\r\n")
                .doesNotContain("DIRECT");
    }

    @Test
    void whoAsksForNothingMoreIsClosed() {
        TestSocket client = send("GET http://10.1.0.7/a HTTP/1.1\r\n");
        bench.link.advanceLinked(ProxyFront.HANDSHAKE.toMillis() + 1_000);
        assertThat(client.isOpen()).as("half a head").isFalse();
        TestSocket idle = send(GET);
        int id = bench.open();
        bench.link.advanceLinked(10 * HttpFront.KEEP_ALIVE.toMillis());
        assertThat(idle.isOpen()).as("while it waits for an answer").isTrue();
        bench.link.data(id, "HTTP/1.1 204 No Content\r\n\r\n");
        bench.link.advanceLinked(HttpFront.KEEP_ALIVE.toMillis() - 1_000);
        assertThat(idle.isOpen()).isTrue();
        bench.link.advanceLinked(2_000);
        assertThat(idle.isOpen()).isFalse();
    }

    @Test
    void whatIsNeitherSocksNorHttpIsClosed() {
        for (byte first : new byte[] {0, 1, 3, 6, 'a', (byte) 0x16, (byte) 0xff}) {
            TestSocket client = bench.connect();
            client.send(first, (byte) 0, (byte) 0);
            assertThat(client.isOpen()).isFalse();
            assertThat(client.takeBytes()).isEmpty();
        }
    }

    /** Whatever comes, in whatever pieces, from both sides: nothing is thrown, nothing is kept. */
    @Test
    void randomBytesHarmNobody() {
        Random random = new Random(11);
        String[] pieces = {
            "GET ",
            "POST ",
            "CONNECT ",
            "http://10.1.0.7/",
            "10.1.0.7:443",
            "/proxy.pac",
            " HTTP/1.1\r\n",
            " HTTP/1.0\r\n",
            "\r\n",
            "\r\n\r\n",
            "Content-Length: 3\r\n",
            "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n",
            "0\r\n\r\n",
            "abc",
            "Host: x\r\n",
            ": ",
            "\n",
            "\r",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "\0",
            "Connection: close\r\n",
            GET
        };
        for (int round = 0; round < 1_500; round++) {
            TestSocket client = bench.connect();
            for (int i = 1 + random.nextInt(12); i > 0 && client.isOpen(); i--) {
                String piece = pieces[random.nextInt(pieces.length)];
                client.send(random.nextInt(8) == 0 ? piece.substring(random.nextInt(piece.length())) : piece);
                for (WebSocketMessage frame : bench.link.takeFrames()) {
                    if (frame.type() == Frame.OPEN && random.nextInt(4) == 0) {
                        bench.link.refused(frame.flowId(), Reason.TIMED_OUT);
                    } else if (frame.type() == Frame.OPEN) {
                        bench.link.opened(frame.flowId());
                        for (int n = random.nextInt(6); n > 0; n--) {
                            bench.link.data(frame.flowId(), pieces[random.nextInt(pieces.length)]);
                        }
                        if (random.nextBoolean()) {
                            fin(frame.flowId());
                        }
                    }
                }
                client.checkException();
                client.takeBytes();
            }
            if (random.nextBoolean() && client.isOpen()) {
                client.endInput();
            }
            bench.link.forget(client);
            bench.link.takeFrames();
        }
        bench.link.advanceLinked(10_000);
        assertThat(bench.link.uplink.flowCount()).isZero();
    }

    @Test
    void namesGoOnAsTheyAre() {
        send("GET http://DB.office.example:81/ HTTP/1.1\r\n\r\n");
        assertThat(LinkedUplink.request(bench.link.oneFrame(Frame.OPEN)).destination())
                .isEqualTo(Destination.ofName(Destination.TCP, "db.office.example", 81));
    }
}
