package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.presence.PresentLink;
import io.netty.util.concurrent.DefaultEventExecutor;
import io.netty.util.concurrent.EventExecutor;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Over what time those come back whose links a gateway has ended. */
final class GatewayStopTest {
    @Test
    void aFewComeBackAtOnceAndTenThousandWithinHalfAMinute() {
        assertThat(Gateway.spread(0)).isZero();
        assertThat(Gateway.spread(2)).isLessThan(Duration.ofMillis(10));
        assertThat(Gateway.spread(10_000)).isBetween(Duration.ofSeconds(10), Duration.ofSeconds(28));
        assertThat(Gateway.spread(1_000_000)).isEqualTo(Duration.ofSeconds(30));
    }

    @Test
    void inASecondAsManyComeAsItLetsIn() {
        for (int links = 1; links <= 15_000; links++) {
            assertThat(links / (Gateway.spread(links).toMillis() / 1_000.0))
                    .isLessThanOrEqualTo(Gateway.RETURNS_PER_SECOND + 1);
        }
    }

    /** Two links of two loops: what the one has read just before it stopped is on its way to the other. */
    @Test
    void noLinkIsFlushedBeforeAllHaveStoppedReading() throws Exception {
        List<String> done = Collections.synchronizedList(new ArrayList<>());
        DefaultEventExecutor loop = new DefaultEventExecutor();
        try {
            Gateway.flush(List.of(link("one", done, loop), link("two", done, loop)));
        } finally {
            loop.shutdownGracefully(0, 0, TimeUnit.SECONDS);
        }
        assertThat(done).containsExactly("one stops", "two stops", "one flushes", "two flushes");
    }

    /** A link that does what it is told in another thread, and later. */
    private static PresentLink link(String name, List<String> done, EventExecutor loop) {
        return (PresentLink) Proxy.newProxyInstance(
                PresentLink.class.getClassLoader(),
                new Class<?>[] {PresentLink.class},
                (proxy, method, args) -> loop.submit(
                        () -> done.add(name + (method.getName().equals("stopReading") ? " stops" : " flushes"))));
    }
}
