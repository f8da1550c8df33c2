package dev.culvert.tunnel.frame;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@NullUnmarked
class DrainTest {
    private static Drain read(int flags, int version, String payload) throws ProtocolException {
        return Drain.read(flags, version, Unpooled.copiedBuffer(payload, StandardCharsets.UTF_8));
    }

    private static String payload(Drain drain, int version) {
        ByteBuf b = drain.payload(version);
        String text = b.toString(StandardCharsets.UTF_8);
        b.release();
        return text;
    }

    @Test
    void itIsReadAsItWasWritten() throws Exception {
        for (Drain drain : List.of(
                new Drain("going", Duration.ofMillis(12_345), List.of()),
                new Drain("going", Duration.ZERO, List.of("wss://other.example:8443")),
                new Drain("going"))) {
            assertThat(read(drain.flags(2), 2, payload(drain, 2))).isEqualTo(drain);
        }
    }

    /** As it always was. */
    @Test
    void aPeerOfVersion1GetsTheTextAlone() throws Exception {
        Drain drain = new Drain("the gateway is shutting down", Duration.ofSeconds(1), List.of());
        assertThat(drain.flags(1)).isZero();
        assertThat(payload(drain, 1)).isEqualTo("the gateway is shutting down");
        assertThat(read(Drain.FLAG_PLAN, 1, "a flag that says nothing here"))
                .isEqualTo(new Drain("a flag that says nothing here"));
    }

    @Test
    void whatALaterVersionAddsIsSkippedAndWhatItLeavesOutIsNothing() throws Exception {
        assertThat(read(Drain.FLAG_PLAN | 0x80, 2, "{\"text\":\"x\",\"spreadMillis\":5,\"until\":{\"a\":[1]}}"))
                .isEqualTo(new Drain("x", Duration.ofMillis(5), List.of()));
        assertThat(read(Drain.FLAG_PLAN, 2, "{}")).isEqualTo(new Drain("", Duration.ZERO, List.of()));
    }

    @Test
    void itsTextIsMadeFitForPeopleAndItsTimeIsNone() throws Exception {
        Drain drain = read(Drain.FLAG_PLAN, 2, "{\"text\":\"a\\u0007" + "b".repeat(9_000) + "\",\"spreadMillis\":-7}");
        assertThat(drain.text()).startsWith("a\\u0007b").hasSizeLessThan(600);
        assertThat(drain.spread()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "soon",
                "[]",
                "{\"spreadMillis\":\"soon\"}",
                "{\"spreadMillis\":99999999999999999999}",
                "{\"gateways\":7}",
                "{\"gateways\":[null]}",
                "{\"text\":\"a\",\"text\":\"b\"}"
            })
    void whatIsNoneIsAViolation(String payload) {
        assertThatThrownBy(() -> read(Drain.FLAG_PLAN, 2, payload))
                .isInstanceOf(ProtocolException.class)
                .hasMessageStartingWith("DRAIN ");
    }
}
