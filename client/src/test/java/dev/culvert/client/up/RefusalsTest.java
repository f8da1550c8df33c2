package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.Refusal;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class RefusalsTest {
    /** What the application shall see, from the plan's contract of a SYN. */
    @ParameterizedTest
    @CsvSource({
        "CONNECTION_REFUSED, CONNECTION_REFUSED",
        "TIMED_OUT, TIMED_OUT",
        "HOST_UNREACHABLE, HOST_UNREACHABLE",
        "NETWORK_UNREACHABLE, NETWORK_UNREACHABLE",
        "NO_AGENT, NETWORK_UNREACHABLE",
        "PROHIBITED, PROHIBITED",
        "UNSUPPORTED, PROHIBITED",
        "LINK_LOST, TIMED_OUT",
        "OVERLOADED, TIMED_OUT"
    })
    void isSeenAsOnTheLan(Reason reason, Refusal seen) {
        assertThat(Refusals.of(reason)).isEqualTo(seen);
        assertThat(Refusals.of(new FlowException(reason, "why"))).isEqualTo(seen);
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void everyReasonIsSeenAsSomething(Reason reason) {
        assertThat(Refusals.of(reason)).isNotNull();
    }

    @Test
    void whatIsNotOfTheTunnelIsAnUnreachableHost() {
        assertThat(Refusals.of(new IllegalStateException("bug"))).isEqualTo(Refusal.HOST_UNREACHABLE);
    }
}
