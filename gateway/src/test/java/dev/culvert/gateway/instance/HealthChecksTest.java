package dev.culvert.gateway.instance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.instance.HealthChecks.Found;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.publish.Published;
import dev.culvert.policy.publication.PublicationOptions.HealthCheck;
import io.netty.channel.embedded.EmbeddedChannel;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When targets are looked at; in frozen time. */
@NullUnmarked
final class HealthChecksTest {
    private static final Published APP = StandIn.published(
            "app.test=http://10.0.0.9:80,health=/up,health-interval=4,health-fails=2,health-passes=1");

    private record Running(Published published, String answerer, Duration within, Consumer<Found> done) {}

    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final List<StandIn> present = new ArrayList<>(List.of(new StandIn("a"), new StandIn("b")));
    private final Instances instances = new Instances(agent -> present, () -> 0, bound -> 0);
    private final List<Published> published = new ArrayList<>(List.of(APP));
    private final List<Running> running = new ArrayList<>();
    private int looks;
    private HealthChecks checks;

    @BeforeEach
    void start() {
        channel.freezeTime();
        checks = new HealthChecks(
                channel.eventLoop(),
                () -> List.copyOf(published),
                instances,
                (Published p, String answerer, HealthCheck check, Duration within, Consumer<Found> done) -> {
                    looks++;
                    running.add(new Running(p, answerer, within, done));
                },
                Services.of(AuditLog.none(), Clock.systemUTC(), () -> 0, 1_000).lines(),
                Clock.systemUTC(),
                () -> 0.5);
        checks.start();
        pass(0);
    }

    @AfterEach
    void stop() {
        channel.close();
    }

    private void pass(long millis) {
        for (long at = 0; at < millis; at += 10) {
            channel.advanceTimeBy(10, TimeUnit.MILLISECONDS);
            channel.runPendingTasks();
        }
        channel.runPendingTasks();
    }

    private void answer(Found found) {
        List<Running> now = List.copyOf(running);
        running.clear();
        now.forEach(r -> r.done.accept(found));
        channel.runPendingTasks();
    }

    private String chosen() {
        return instances.choose(APP, Set.of()).answerer();
    }

    @Test
    void eachInstanceIsLookedAtInItsInterval() {
        pass(1_000);
        assertThat(running).extracting(Running::answerer).containsExactlyInAnyOrder("a/k", "b/k");
        assertThat(running).extracting(Running::within).containsOnly(Duration.ofSeconds(4));
        pass(60_000);
        assertThat(looks).as("one at a time: none has ended").isEqualTo(2);
        answer(Found.WELL);
        pass(100);
        assertThat(looks).as("they are late").isEqualTo(4);
        answer(Found.WELL);
        pass(3_800);
        assertThat(looks).isEqualTo(4);
        pass(200);
        assertThat(looks).isEqualTo(6);
    }

    @Test
    void theUnwellIsLeftOutAndComesBack() {
        pass(1_000);
        answer(Found.unwell("it answers 500"));
        assertThat(instances.choose(APP, Set.of())).isEqualTo(new Instances.Choice(null, true));
        pass(4_000);
        answer(Found.WELL);
        assertThat(chosen()).isEqualTo("a/k");
        pass(4_000);
        answer(Found.unwell("it answers 500"));
        assertThat(chosen()).as("two in a row are needed").isEqualTo("a/k");
        pass(4_000);
        answer(Found.NOTHING);
        assertThat(chosen()).as("nothing was learnt").isEqualTo("a/k");
        pass(4_000);
        answer(Found.unwell("it answers 500"));
        assertThat(chosen()).isNull();
    }

    @Test
    void whatComesIsLookedAtAndWhatGoesIsForgotten() {
        pass(1_000);
        answer(Found.unwell("no"));
        present.add(new StandIn("c"));
        present.remove(0);
        pass(2_000);
        assertThat(running).extracting(Running::answerer).containsExactly("c/k");
        running.clear();
        present.add(new StandIn("a"));
        published.clear();
        pass(60_000);
        assertThat(running).isEmpty();
        published.add(APP);
        assertThat(chosen()).as("what was known of them is forgotten").isEqualTo("b/k");
    }

    @Test
    void noMoreThanTheRateAndAllOfThemInTime() {
        published.clear();
        int many = 1_000;
        for (int i = 0; i < many; i++) {
            published.add(StandIn.published("a" + i + ".test=http://10.0.0.9:80,health=tcp,health-interval=60"));
        }
        present.remove(1);
        pass(1_000);
        int before = looks;
        pass(1_000);
        assertThat(looks - before).isBetween(1, HealthChecks.LOOKS_PER_SECOND + 20);
        for (int i = 0; i < 10; i++) {
            answer(Found.WELL);
            pass(1_000);
        }
        assertThat(looks).isEqualTo(many + 2); // with those of APP, which had begun before
    }

    @Test
    void looksThatDoNotEndAreBounded() {
        published.clear();
        for (int i = 0; i < HealthChecks.MAX_RUNNING + 100; i++) {
            published.add(StandIn.published("a" + i + ".test=http://10.0.0.9:80,health=tcp"));
        }
        present.remove(1);
        pass(20_000);
        assertThat(running).hasSize(HealthChecks.MAX_RUNNING);
        assertThat(running).extracting(Running::within).contains(HealthChecks.MOST);
    }

    @Test
    void stops() {
        checks.stop();
        pass(10_000);
        assertThat(looks).isZero();
    }
}
