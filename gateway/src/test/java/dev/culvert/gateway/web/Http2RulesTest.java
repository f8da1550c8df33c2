package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What comes of each rule that a browser breaks or keeps, in frozen time, to the last byte of memory. */
final class Http2RulesTest {
    private final RawStage stage = new RawStage();

    @AfterEach
    void close() {
        stage.close();
    }

    static List<Http2Rules.Rule> rules() {
        return Http2Rules.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void isKept(Http2Rules.Rule rule) {
        isKept(rule, false);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void isKeptBeforeATargetInHttp2(Http2Rules.Rule rule) {
        isKept(rule, true);
    }

    private void isKept(Http2Rules.Rule rule, boolean h2c) {
        rule.run().accept(stage.visitor(h2c));
        RawVisitor next = stage.visitor(h2c).begin();
        next.send(RawHttp2.headers(1, RawHttp2.WHOLE, next.get()));
        next.serves(1);
        stage.close();
        assertThat(stage.usedMemory()).isZero();
    }
}
