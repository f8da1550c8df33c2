package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.link.LinkRefusedException;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** A holder that has a renewed token and the one before: it is refused when both are. */
@NullUnmarked
class TwoTokensTest extends FrozenKeeper {
    private void refuse() {
        gateway.fail(new LinkRefusedException(403, true, "token is revoked"));
        settle();
    }

    @Test
    void theOtherHasItsTurnBeforeAnybodyIsTold() {
        start(keeper(null, gateway));
        gateway.another = true;
        refuse();
        assertThat(events.refusals).isZero();
        assertThat(events.waits).hasSize(1);
        pass(events.lastWait());
        assertThat(gateway.dials).hasSize(2);
        gateway.another = false;
        refuse();
        assertThat(events.refusals).isOne();
    }
}
