package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that are served by another way when the one that they went has failed before a byte of an answer. */
final class OtherWayTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n";
    private static final String POST = "POST / HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 2\r\n\r\nhi";
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

    private final Stage stage = new Stage();

    @BeforeEach
    void threeWays() {
        stage.ways.addAll(List.of("a", "b", "c"));
    }

    @AfterEach
    void close() {
        stage.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
    void whatMayBeRepeatedIsServedByAnother(String method) {
        stage.say(GET.replace("GET", method));
        assertThat(stage.asked(0)).startsWith(method + " / HTTP/1.1\r\n");
        stage.targets.get(0).end();
        assertThat(stage.asked(1)).startsWith(method + " / HTTP/1.1\r\n");
        assertThat(stage.went).containsExactly("a", "b");
        stage.answer(1, method.equals("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" : OK);
        assertThat(stage.answered()).startsWith("HTTP/1.1 200 OK\r\n");
        assertThat(stage.told).containsExactly("unanswered by a", "answered by b");
        assertThat(stage.records)
                .singleElement()
                .satisfies(r -> assertThat(r.whole()).isTrue());
    }

    @ParameterizedTest
    @CsvSource({"POST", "PATCH", "MKCOL"})
    void whatMustNotIsNot(String method) {
        stage.say(GET.replace("GET", method));
        stage.targets.get(0).end();
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 Bad Gateway\r\n");
        assertThat(stage.told).as("it counts against it all the same").containsExactly("unanswered by a");
    }

    @Test
    void aBodyThatWasSentIsNowhereElse() {
        stage.say(POST.replace("POST", "PUT"));
        stage.targets.get(0).end();
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ");
    }

    @Test
    void anUpgradeIsNotRepeated() {
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        stage.targets.get(0).end();
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ");
    }

    /** Each way once, and no more than three: what fails everywhere is not asked for ever. */
    @Test
    void triesAreBounded() {
        stage.ways.addAll(List.of("d", "e"));
        stage.say(GET);
        for (int i = 0; i <= TargetSearch.MAX_OTHER_WAYS; i++) {
            stage.targets.get(i).end();
        }
        assertThat(stage.went).containsExactly("a", "b", "c");
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 Bad Gateway\r\n");
    }

    @Test
    void theLastWayIsNotTriedTwice() {
        stage.ways.remove("c");
        stage.say(GET);
        stage.targets.get(0).end();
        stage.targets.get(1).end();
        assertThat(stage.went).containsExactly("a", "b");
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 Bad Gateway\r\n");
    }

    @Test
    void aWayThatIsRefusedIsFollowedByTheNext() {
        stage.say(GET);
        stage.refusing.add("b");
        stage.targets.get(0).end();
        assertThat(stage.went).containsExactly("a", "c");
        stage.answer(1, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    @Test
    void allOthersAreRefused() {
        stage.say(GET);
        stage.refusing.addAll(List.of("b", "c"));
        stage.targets.get(0).end();
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ").contains("refuses connections");
    }

    /** What a target says is its answer, whatever it says. */
    @ParameterizedTest
    @ValueSource(strings = {"502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"})
    void answersArePassedOn(String status) {
        stage.say(GET);
        String answer = "HTTP/1.1 " + status + "\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\nno";
        stage.answer(0, answer);
        assertThat(stage.answered()).isEqualTo(answer);
        assertThat(stage.targets).hasSize(1);
    }

    @Test
    void anAnswerThatHasBegunIsCutOff() {
        stage.say(GET);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        stage.targets.get(0).end();
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void anInterimAnswerIsOne() {
        stage.say(GET);
        stage.answer(0, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        stage.targets.get(0).end();
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.answered()).contains("HTTP/1.1 502 ");
    }

    /** Targets close connections that rest: that is no failure of theirs. */
    @Test
    void aKeptConnectionThatEndsCountsForNothing() {
        stage.say(GET);
        stage.answer(0, OK);
        stage.answered();
        stage.told.clear();
        stage.say(GET);
        stage.targets.get(0).end();
        assertThat(stage.went).containsExactly("a", "b");
        stage.answer(1, OK);
        assertThat(stage.answered()).isEqualTo(OK);
        assertThat(stage.told).containsExactly("answered by b");
    }

    @Test
    void theOnlyWayIsTriedAgainAfterAKeptConnection() {
        stage.ways.removeAll(List.of("b", "c"));
        stage.say(GET);
        stage.answer(0, OK);
        stage.answered();
        stage.say(GET);
        stage.targets.get(0).end();
        assertThat(stage.went).containsExactly("a", "a");
        stage.answer(1, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    /** Nothing is asked twice while there is a way: a target may think for long. */
    @Test
    void aTargetThatIsThereIsWaitedFor() {
        stage.say(GET);
        stage.pass(SiteOptions.ANSWER_SECONDS - 1);
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.answered()).isEmpty();
        stage.pass(1);
        assertThat(stage.answered()).startsWith("HTTP/1.1 504 ");
        assertThat(stage.targets).hasSize(1);
    }

    @Test
    void aWayThatIsLostIsLeft() {
        stage.say(GET);
        stage.lost.add(stage.targets.get(0));
        stage.pass(Patience.LOOK_SECONDS);
        assertThat(stage.targets).as("it may be back").hasSize(1);
        stage.pass(Patience.LOOK_SECONDS);
        assertThat(stage.went).containsExactly("a", "b");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        stage.answer(1, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    /** At the moment of a look, now and then. */
    @Test
    void aWayThatComesBackWithinMomentsIsNotLeft() {
        stage.say(GET);
        for (int i = 0; i < 6; i++) {
            if (i % 2 == 0) {
                stage.lost.add(stage.targets.get(0));
            } else {
                stage.lost.clear();
            }
            stage.pass(Patience.LOOK_SECONDS);
        }
        assertThat(stage.went).containsExactly("a");
        stage.answer(0, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    @Test
    void whatMustNotBeRepeatedWaitsForTheWay() {
        stage.say(POST);
        stage.lost.add(stage.targets.get(0));
        stage.pass(SiteOptions.ANSWER_SECONDS - 1);
        assertThat(stage.targets).hasSize(1);
        stage.answer(0, OK);
        assertThat(stage.answered()).isEqualTo(OK);
    }

    @Test
    void theOnlyWayIsWaitedForThoughItIsLost() {
        stage.ways.removeAll(List.of("b", "c"));
        stage.say(GET);
        stage.lost.add(stage.targets.get(0));
        stage.pass(SiteOptions.ANSWER_SECONDS - 1);
        assertThat(stage.targets).hasSize(1);
        stage.pass(1);
        assertThat(stage.answered()).startsWith("HTTP/1.1 503 ");
    }

    /** A kept connection's answer, too, shows that the target is well. */
    @Test
    void eachAnswerForgives() {
        for (int i = 0; i < 2; i++) {
            stage.say(GET);
            stage.answer(0, OK);
        }
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.told).containsExactly("answered by a", "answered by a");
    }
}
