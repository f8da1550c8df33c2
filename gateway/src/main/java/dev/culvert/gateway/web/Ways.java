package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The ways to a site's target, where there may be several, of which each connection goes by one. From any thread. */
public interface Ways {
    /**
     * A site by one way alone, whose connections serve nobody who goes by another.
     *
     * @param name of the way; for nobody's eyes but ours
     */
    record Way(String name, Site site) {}

    /** The name of the way by which a connection goes; null when it is not known. */
    @Nullable
    String of(Channel connection);

    /**
     * Chooses one that is well, if there is one.
     *
     * @param tried names of those that are not to be chosen
     * @param wanted whether one is preferred, when nothing is in its way
     * @return null when there is none
     */
    @Nullable
    Way choose(Set<String> tried, Predicate<String> wanted);

    /** Whether a browser shall come back by the way that it was led. */
    boolean areKept();

    /** What a browser is told of a way, and nothing can be told from. Always the same for the same way of this site. */
    String mark(String way);

    /** For which paths that holds: those from this one on. */
    String path();

    /** The target has ended a connection that had served nobody before without an answer that is one: that counts against its way. */
    void unanswered(Channel connection);

    /** The target has answered over a connection, be it a new one or one that was kept. */
    void answered(Channel connection);
}
