package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.gateway.web.StrictAnswers.Answer;
import dev.culvert.gateway.web.StrictRequests.Request;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Whatever visitors and targets say in HTTP/1.1, in whatever pieces: a target that reads by the letter sees as many requests as the visitor has
 * answers of it, in their order; a visitor that does sees one answer to each request, or the end; nothing is left.
 */
final class Http1FuzzTest {
    private static final int PIECES = 40;
    private static final int RUNS = 2_000;

    private static final String HOST = "Host: " + Stage.NAME + "\r\n";

    /** Of which requests are put together: whole ones, so that something passes, and what they are made of. */
    private static final List<String> OF_REQUESTS = List.of(
            "GET /a HTTP/1.1\r\n" + HOST + "\r\n",
            "POST /b HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\n\r\nhello",
            "POST /c HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "POST /d HTTP/1.1\r\n" + HOST,
            "PUT /e HTTP/1.1\r\n",
            "GET ",
            "/f",
            " HTTP/1.1",
            " HTTP/1.0",
            HOST,
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding:",
            "Content-Length: 5\r\n",
            "Content-Length:",
            "Connection: close\r\n",
            "Connection: ",
            "Expect: 100-continue\r\n",
            "Trailer: x\r\n",
            "X: y\r\n",
            "chunked",
            "hello",
            "0\r\n\r\n",
            "0\r\n",
            "3\r\nabc\r\n",
            "5;x=\"y\"\r\n",
            "\r\n",
            "\r\n\r\n",
            "\n",
            "\r",
            " ",
            "\t",
            ":",
            ",",
            ";",
            "\0",
            "\u00e9",
            "1",
            "f");

    private static final List<String> OF_ANSWERS = List.of(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.0 200 OK\r\n",
            "HTTP/1.1 ",
            "200",
            " OK",
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 2\r\n",
            "Content-Length:",
            "Connection: close\r\n",
            "Connection: ",
            "Set-Cookie: a=b\r\n",
            "X: y\r\n",
            "hi",
            "2\r\nhi\r\n",
            "0\r\n",
            "0\r\n\r\n",
            "\r\n",
            "\r\n\r\n",
            "\n",
            "\r",
            " ",
            ":",
            ",",
            "\0",
            "\u00e9",
            "1");

    /** What came of some runs: so many that a test of nothing would be seen. */
    private record Tally(int served, int refused) {
        Tally plus(Tally other) {
            return new Tally(served + other.served, refused + other.refused);
        }
    }

    @FuzzTest(maxDuration = "1h")
    void requests(FuzzedDataProvider data) {
        requests(choices(data));
    }

    @FuzzTest(maxDuration = "1h")
    void answers(FuzzedDataProvider data) {
        answers(choices(data));
    }

    @Test
    void randomRequests() {
        Tally all = runs(Http1FuzzTest::requests);
        assertThat(all.served).isGreaterThan(RUNS / 10);
        assertThat(all.refused).isGreaterThan(RUNS / 10);
    }

    @Test
    void randomAnswers() {
        Tally all = runs(Http1FuzzTest::answers);
        assertThat(all.served).isGreaterThan(RUNS / 10);
        assertThat(all.refused).isGreaterThan(RUNS / 10);
    }

    private interface Run {
        Tally of(IntUnaryOperator choice);
    }

    private static Tally runs(Run run) {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        Random random = new Random(seed);
        Tally all = new Tally(0, 0);
        for (int i = 0; i < RUNS; i++) {
            try {
                all = all.plus(run.of(random::nextInt));
            } catch (Throwable t) {
                throw new AssertionError("culvert.seed=" + seed + " run=" + i, t);
            }
        }
        return all;
    }

    private static IntUnaryOperator choices(FuzzedDataProvider data) {
        return n -> data.remainingBytes() == 0 ? -1 : data.consumeInt(0, n - 1);
    }

    /** A text of pieces, one in three of them the next of those that are whole; and where it is cut. */
    private static List<byte[]> said(List<String> of, int whole, IntUnaryOperator choice) {
        StringBuilder text = new StringBuilder();
        int pieces = choice.applyAsInt(PIECES);
        for (int i = 0; i <= pieces; i++) {
            int which = choice.applyAsInt(3) == 0 ? choice.applyAsInt(whole) : choice.applyAsInt(of.size());
            if (which < 0) {
                break;
            }
            text.append(of.get(which));
        }
        byte[] all = RawHttp2.ascii(text.toString());
        List<byte[]> cut = new ArrayList<>();
        for (int at = 0; at < all.length; ) {
            int n = choice.applyAsInt(4) == 0 ? 1 + Math.max(0, choice.applyAsInt(9)) : all.length;
            cut.add(Arrays.copyOfRange(all, at, Math.min(all.length, at + n)));
            at += n;
        }
        return cut;
    }

    private static Tally requests(IntUnaryOperator choice) {
        RawStage raw = new RawStage();
        boolean h2c = choice.applyAsInt(2) == 1;
        ServedStage visitor = raw.plain(h2c);
        StrictAnswers heard = new StrictAnswers();
        for (byte[] piece : said(OF_REQUESTS, 3, choice)) {
            visitor.say(piece);
            heard.read(visitor.heard());
        }
        List<String> answered = heard.whole().stream()
                .filter(Answer::isOfTarget)
                .flatMap(a -> a.values(StrictServer.ANSWERS).stream())
                .toList();
        assertThat(answered)
                .isEqualTo(visitor.asked().stream().map(Request::path).toList());
        assertThat(visitor.begun() - visitor.asked().size())
                .as("requests that are not whole")
                .isBetween(0, 1);
        assertThat(heard.pending()).isEmpty();
        raw.close();
        assertThat(raw.usedMemory()).isZero();
        return new Tally(answered.size(), heard.whole().size() - answered.size());
    }

    private static Tally answers(IntUnaryOperator choice) {
        UnpooledByteBufAllocator memory = new UnpooledByteBufAllocator(false);
        Stage stage = new Stage("http/1.1", true, false, memory);
        StrictAnswers heard = new StrictAnswers();
        int asked = 0;
        int refused = 0;
        for (int i = 0; i < 3 && stage.browser.isActive(); i++) {
            asked++;
            stage.say("POST /" + i + " HTTP/1.1\r\n" + HOST + "Content-Length: 0\r\n\r\n");
            assertThat(stage.targets)
                    .as("a target for each, or one for several")
                    .isNotEmpty();
            Stage.End target = stage.targets.get(stage.targets.size() - 1);
            for (byte[] piece : said(OF_ANSWERS, 2, choice)) {
                if (target.isActive()) {
                    target.writeInbound(target.alloc().buffer().writeBytes(piece));
                }
                heard.read(RawHttp2.ascii(stage.answered()));
                assertThat(heard.whole().size()).as("one answer to each").isLessThanOrEqualTo(asked);
            }
            if (heard.whole().size() < asked) {
                target.end();
                heard.read(RawHttp2.ascii(stage.answered()));
            }
            if (stage.browser.isActive()) {
                assertThat(heard.whole()).hasSize(asked);
                assertThat(heard.pending()).isEmpty();
                refused += heard.whole().get(asked - 1).status() == 502 ? 1 : 0;
            } else {
                assertThat(heard.whole().size()).isBetween(asked - 1, asked);
            }
        }
        int whole = heard.whole().size();
        stage.close();
        assertThat(memory.metric().usedHeapMemory() + memory.metric().usedDirectMemory())
                .isZero();
        return new Tally(whole - refused, refused);
    }
}
