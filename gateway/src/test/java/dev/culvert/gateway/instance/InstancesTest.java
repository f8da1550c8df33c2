package dev.culvert.gateway.instance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.publish.Published;
import dev.culvert.policy.publication.PublicationOptions.HealthCheck;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Which instance a visitor is led to. */
@NullUnmarked
final class InstancesTest {
    private static final HealthCheck CHECK = new HealthCheck(null, Duration.ofSeconds(10), 2, 3);
    private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");

    private final Published app = StandIn.published("app.test=http://10.0.0.9:80,health=tcp");
    private final Published other = StandIn.published("other.test=http://10.0.0.9:81");
    private final StandIn a = new StandIn("a");
    private final StandIn b = new StandIn("b");
    private final StandIn c = new StandIn("c");
    private final List<StandIn> present = new ArrayList<>(List.of(a, b, c));
    private final Random random = new Random(5);
    private long nanos = 1_000;
    private final Instances instances =
            new Instances(name -> name.equals("office") ? present : List.of(), () -> nanos, random::nextInt);

    private String choose(String... tried) {
        return instances.choose(app, Set.of(tried)).answerer();
    }

    private TargetHealth health(StandIn one) {
        return instances.health(new Instances.Key(app, one.answerer()));
    }

    private void unwell(StandIn one) {
        health(one).looked(CHECK, "no", NOW);
    }

    private Map<String, Integer> many() {
        Map<String, Integer> out = new HashMap<>();
        for (int i = 0; i < 300; i++) {
            out.merge(choose(), 1, Integer::sum);
        }
        return out;
    }

    /** Of any two the one with fewer flows: the most loaded of three never. */
    @Test
    void ofTwoTheLessLoadedIsChosen() {
        a.flows = 9;
        b.flows = 5;
        c.flows = 1;
        Map<String, Integer> chosen = many();
        assertThat(chosen).containsOnlyKeys("b/k", "c/k");
        assertThat(chosen.get("c/k")).isGreaterThan(chosen.get("b/k"));
        a.flows = 1;
        b.flows = 1;
        assertThat(many()).containsOnlyKeys("a/k", "b/k", "c/k");
    }

    @Test
    void whatDrainsOrIsUnwellOrWasTriedIsLeftOut() {
        a.draining = true;
        assertThat(many()).containsOnlyKeys("b/k", "c/k");
        unwell(b);
        assertThat(many()).containsOnlyKeys("c/k");
        assertThat(instances.choose(other, Set.of()).answerer()).isIn("b/k", "c/k"); // another target
        Instances.Choice none = instances.choose(app, Set.of("c/k"));
        assertThat(none.answerer()).isNull();
        assertThat(none.unwell()).as("c was there, and failed otherwise").isFalse();
        unwell(c);
        assertThat(instances.choose(app, Set.of())).isEqualTo(new Instances.Choice(null, true));
        present.clear();
        assertThat(instances.choose(app, Set.of())).isEqualTo(new Instances.Choice(null, false));
    }

    /** The first look decides alone, then so many in a row do. */
    @Test
    void thresholdsDecide() {
        TargetHealth health = new TargetHealth();
        assertThat(health.looked(CHECK, null, NOW)).isTrue();
        assertThat(health.looked(CHECK, "no", NOW)).isFalse();
        assertThat(health.looked(CHECK, null, NOW)).isFalse();
        assertThat(health.looked(CHECK, "no", NOW)).as("not in a row").isFalse();
        assertThat(health.looked(CHECK, "no again", NOW)).isTrue();
        assertThat(health.seen(0).state()).isEqualTo(TargetHealth.State.UNWELL);
        assertThat(health.seen(0).error()).isEqualTo("no again");
        assertThat(health.looked(CHECK, null, NOW)).isFalse();
        assertThat(health.looked(CHECK, null, NOW)).isFalse();
        assertThat(health.isUnwell()).isTrue();
        assertThat(health.looked(CHECK, null, NOW.plusSeconds(9))).isTrue();
        assertThat(health.seen(0))
                .isEqualTo(new TargetHealth.Seen(TargetHealth.State.WELL, NOW.plusSeconds(9), null, false));
    }

    /** After three failures in a row others go first, for ten seconds; it still serves when it is the only one. */
    @Test
    void whereConnectingFailsIsPassedOver() {
        for (int i = 0; i < TargetHealth.FAILS - 1; i++) {
            instances.failed(app, "a/k");
        }
        instances.connected(app, "a/k");
        instances.failed(app, "a/k");
        assertThat(many()).containsKey("a/k");
        instances.failed(app, "a/k");
        instances.failed(app, "a/k");
        assertThat(many()).containsOnlyKeys("b/k", "c/k");
        assertThat(choose("b/k", "c/k")).isEqualTo("a/k");
        nanos += TargetHealth.PASSED_OVER_NANOS;
        assertThat(many()).containsKey("a/k");
        instances.failed(app, "a/k");
        assertThat(many()).as("one more is enough").containsOnlyKeys("b/k", "c/k");
    }

    @Test
    void whoIsWantedIsChosenWhenNothingIsInItsWay() {
        a.flows = 100;
        assertThat(instances.choose(app, Set.of(), "a/k"::equals).answerer()).isEqualTo("a/k");
        assertThat(instances.choose(app, Set.of("a/k"), "a/k"::equals).answerer())
                .isIn("b/k", "c/k");
        unwell(a);
        assertThat(instances.choose(app, Set.of(), "a/k"::equals).answerer()).isIn("b/k", "c/k");
        assertThat(instances.mayServe(app, "a/k")).isFalse();
        assertThat(instances.mayServe(app, "b/k")).isTrue();
        b.draining = true;
        assertThat(instances.mayServe(app, "b/k")).isFalse();
        assertThat(instances.mayServe(app, "gone/k")).isFalse();
    }

    /** A stranger's requests, or a moment's trouble, may bring that about. */
    @Test
    void whenAllArePassedOverWhoIsWantedIsChosenStill() {
        for (String one : List.of("a/k", "b/k", "c/k")) {
            for (int i = 0; i < TargetHealth.FAILS; i++) {
                instances.failed(app, one);
            }
        }
        a.flows = 100;
        for (int i = 0; i < 20; i++) {
            assertThat(instances.choose(app, Set.of(), "a/k"::equals).answerer())
                    .isEqualTo("a/k");
        }
    }

    @Test
    void forgetsWhatHasGone() {
        unwell(a);
        unwell(b);
        present.remove(b);
        instances.retain(List.of(app));
        assertThat(health(a).isUnwell()).isTrue();
        assertThat(health(b).isUnwell()).isFalse();
        instances.retain(List.of(other));
        assertThat(health(a).isUnwell()).isFalse();
    }

    @Test
    void allAreShown() {
        unwell(a);
        health(b).looked(CHECK, null, NOW);
        c.draining = true;
        assertThat(instances.shown(app))
                .extracting(i -> i.instance() + " " + i.state() + " " + i.since() + " " + i.error())
                .containsExactly("a unwell " + NOW + " no", "b well " + NOW + " null", "c draining null null");
        assertThat(instances.shown(other))
                .extracting(i -> i.state())
                .containsExactly("not checked", "not checked", "draining");
    }
}
