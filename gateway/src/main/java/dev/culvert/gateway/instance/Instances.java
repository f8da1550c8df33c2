package dev.culvert.gateway.instance;

import dev.culvert.gateway.instance.TargetHealth.Seen;
import dev.culvert.gateway.presence.PresentAgent;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedInstance;
import java.net.InetAddress;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the instance of its agent that a connection or request for a publication goes to: of two at random the one with fewer
 * flows. Those that drain get nothing new; those whose target is unwell get nothing, those to which connecting has failed, or which do not
 * answer, nothing while there is another. From any thread.
 */
public final class Instances {
    /** Others that are tried when one fails: more would make a visitor wait for what most probably is everywhere the same. */
    public static final int MAX_RETRIES = 2;

    /** A publication's target as one instance sees it. */
    record Key(Published published, String answerer) {}

    /**
     * What was chosen.
     *
     * @param answerer the instance, as {@link PresentAgent#answerer()} has it; null for none
     * @param unwell when none: whether there are instances, and the target is unwell through each
     */
    public record Choice(@Nullable String answerer, boolean unwell) {}

    private final Function<String, ? extends List<? extends PresentAgent>> present;
    private final LongSupplier nanoTime;
    private final IntUnaryOperator random;
    private final Map<Key, TargetHealth> seen = new ConcurrentHashMap<>();

    /**
     * @param present the instances of an agent that are connected
     * @param random a number from 0 to below its argument
     */
    public Instances(
            Function<String, ? extends List<? extends PresentAgent>> present,
            LongSupplier nanoTime,
            IntUnaryOperator random) {
        this.present = present;
        this.nanoTime = nanoTime;
        this.random = random;
    }

    /**
     * Chooses one.
     *
     * @param tried answerers that have been tried for this connection or request
     */
    public Choice choose(Published published, Collection<String> tried) {
        return choose(published, tried, answerer -> false);
    }

    /** @param wanted whether one is preferred, when nothing is in its way */
    public Choice choose(Published published, Collection<String> tried, Predicate<String> wanted) {
        List<PresentAgent> all = serving(published);
        List<PresentAgent> good = new ArrayList<>(all.size());
        List<PresentAgent> doubtful = new ArrayList<>();
        boolean unwell = false;
        long now = nanoTime.getAsLong();
        for (PresentAgent one : all) {
            TargetHealth health = seen.get(new Key(published, one.answerer()));
            if (health != null && health.isUnwell()) {
                unwell = true;
            } else if (!tried.contains(one.answerer())) {
                (health != null && health.isPassedOver(now) ? doubtful : good).add(one);
            }
        }
        List<PresentAgent> from = good.isEmpty() ? doubtful : good;
        for (PresentAgent one : from) {
            if (wanted.test(one.answerer())) {
                return new Choice(one.answerer(), false);
            }
        }
        return from.isEmpty()
                ? new Choice(null, unwell && tried.isEmpty())
                : new Choice(lessLoaded(from).answerer(), false);
    }

    private PresentAgent lessLoaded(List<PresentAgent> from) {
        int first = random.applyAsInt(from.size());
        if (from.size() == 1) {
            return from.get(0);
        }
        int second = (first + 1 + random.applyAsInt(from.size() - 1)) % from.size();
        PresentAgent one = from.get(first);
        PresentAgent other = from.get(second);
        return other.flowCount() < one.flowCount() ? other : one;
    }

    /** Those that take new flows; of them those that announce the target's address, if any do. */
    private List<PresentAgent> serving(Published published) {
        List<PresentAgent> taking = new ArrayList<>();
        for (PresentAgent one : present.apply(published.agent())) {
            if (one.takesFlows()) {
                taking.add(one);
            }
        }
        InetAddress address = published.publication().to().address();
        if (address != null && taking.size() > 1) {
            List<PresentAgent> serving =
                    taking.stream().filter(a -> a.serves(address)).toList();
            return serving.isEmpty() ? taking : serving;
        }
        return taking;
    }

    /** Whether what is connected through an instance may serve on: not when it drains, is gone, or the target is unwell there. */
    public boolean mayServe(Published published, String answerer) {
        TargetHealth health = seen.get(new Key(published, answerer));
        if (health != null && health.isUnwell()) {
            return false;
        }
        for (PresentAgent one : present.apply(published.agent())) {
            if (one.takesFlows() && one.answerer().equals(answerer)) {
                return true;
            }
        }
        return false;
    }

    /** A connection that was needed has been made. */
    public void connected(Published published, String answerer) {
        TargetHealth health = seen.get(new Key(published, answerer));
        if (health != null) {
            health.connected();
        }
    }

    /** A connection that was needed could not be made. */
    public void failed(Published published, String answerer) {
        health(new Key(published, answerer)).failed(nanoTime.getAsLong());
    }

    /** The target has answered, as with most requests: then there is nothing to forgive. */
    public void answered(Published published, String answerer) {
        if (seen.isEmpty()) {
            return;
        }
        TargetHealth health = seen.get(new Key(published, answerer));
        if (health != null) {
            health.answered();
        }
    }

    /** The target has ended a connection that had served nobody before, without an answer. */
    public void unanswered(Published published, String answerer) {
        health(new Key(published, answerer)).unanswered(nanoTime.getAsLong());
    }

    TargetHealth health(Key key) {
        return seen.computeIfAbsent(key, k -> new TargetHealth());
    }

    /** Those that looks go to: they take new flows. By answerer. */
    Map<String, PresentAgent> toLookAt(Published published) {
        Map<String, PresentAgent> out = new LinkedHashMap<>();
        serving(published).forEach(one -> out.putIfAbsent(one.answerer(), one));
        return out;
    }

    /** Forgets what is published no more, and instances that have gone. */
    void retain(List<Published> published) {
        if (seen.isEmpty()) {
            return;
        }
        Map<String, Set<String>> there = new LinkedHashMap<>();
        Set<Published> still = new HashSet<>(published);
        seen.keySet()
                .removeIf(key -> !still.contains(key.published)
                        || !there.computeIfAbsent(key.published.agent(), this::answerers)
                                .contains(key.answerer));
    }

    private Set<String> answerers(String agent) {
        Set<String> out = new HashSet<>();
        present.apply(agent).forEach(one -> out.add(one.answerer()));
        return out;
    }

    /** The instances of a publication and how its target is through each; by name. */
    public List<PublishedInstance> shown(Published published) {
        List<PublishedInstance> out = new ArrayList<>();
        long now = nanoTime.getAsLong();
        for (PresentAgent one : present.apply(published.agent())) {
            String instance = one.instance();
            if (instance == null || one.isSuperseded()) {
                continue;
            }
            TargetHealth health = seen.get(new Key(published, one.answerer()));
            Seen its = health == null ? new TargetHealth().seen(now) : health.seen(now);
            out.add(new PublishedInstance(
                    instance,
                    one.takesFlows() ? its.state().toString() : "draining",
                    its.since() == null ? null : its.since().truncatedTo(ChronoUnit.SECONDS),
                    its.error(),
                    its.passedOver() ? true : null));
        }
        out.sort(Comparator.comparing(PublishedInstance::instance));
        return out;
    }
}
