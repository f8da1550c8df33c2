package dev.culvert.gateway.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class SignInTest {
    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5); // it goes over, as System.nanoTime may
    private final SignIn signIn = new SignIn(nanos::get);

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
    }

    @Test
    void signsInOnceOnly() {
        String key = signIn.key(SignIn.Role.LOOK);
        assertThat(key).matches("[\\w-]{22}");
        String cookie = signIn.enter(key);
        assertThat(cookie).matches("[\\w-]{22}").isNotEqualTo(key);
        assertThat(signIn.of(cookie).role()).isEqualTo(SignIn.Role.LOOK);
        assertThat(signIn.enter(key)).isNull();
        assertThat(signIn.enter(cookie)).isNull();
        assertThat(signIn.of(key)).isNull();
    }

    @Test
    void aLinkEndsAfterTwoMinutes() {
        String early = signIn.key(SignIn.Role.LOOK);
        String late = signIn.key(SignIn.Role.ACT);
        pass(SignIn.KEY_LIFE.minusNanos(1));
        assertThat(signIn.enter(early)).isNotNull();
        pass(Duration.ofNanos(1));
        assertThat(signIn.enter(late)).isNull();
    }

    @Test
    void anIdleSessionEnds() {
        String cookie = signIn.enter(signIn.key(SignIn.Role.ACT));
        pass(SignIn.IDLE.minusNanos(1));
        SignIn.Session session = signIn.of(cookie); // which counts
        assertThat(session).isNotNull();
        pass(SignIn.IDLE.minusNanos(1));
        assertThat(signIn.holds(session)).isTrue(); // which does not
        pass(Duration.ofNanos(1));
        assertThat(signIn.holds(session)).isFalse();
        assertThat(signIn.of(cookie)).isNull();
    }

    @Test
    void whoSignsOutIsOut() {
        String cookie = signIn.enter(signIn.key(SignIn.Role.LOOK));
        String other = signIn.enter(signIn.key(SignIn.Role.LOOK));
        signIn.leave(signIn.of(cookie));
        assertThat(signIn.of(cookie)).isNull();
        assertThat(signIn.of(other)).isNotNull();
    }

    @Test
    void keysAndSessionsAreBounded() {
        String first = signIn.key(SignIn.Role.LOOK);
        String second = signIn.key(SignIn.Role.LOOK);
        for (int i = 0; i < SignIn.MAX_KEYS - 1; i++) {
            signIn.key(SignIn.Role.LOOK);
        }
        assertThat(signIn.enter(first)).as("the oldest made room").isNull();
        String used = signIn.enter(second);
        String forgotten = signIn.enter(signIn.key(SignIn.Role.LOOK));
        for (int i = 0; i < SignIn.MAX_SESSIONS - 1; i++) {
            assertThat(signIn.of(used)).isNotNull(); // the one that was seen longest ago goes
            signIn.enter(signIn.key(SignIn.Role.LOOK));
        }
        assertThat(signIn.of(forgotten)).isNull();
        assertThat(signIn.of(used)).isNotNull();
    }
}
