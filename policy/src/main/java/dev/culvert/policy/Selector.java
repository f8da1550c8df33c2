package dev.culvert.policy;

import java.util.Collection;

/**
 * Some clients or some agents: one by its name, those of a group (clients) or tag (agents), or all.
 *
 * @param name of the client, agent, group or tag; empty for all
 */
public record Selector(Kind kind, String name) {
    /** What a selector selects by. */
    public enum Kind {
        ALL,
        GROUP,
        TAG,
        NAME
    }

    /** Everybody. */
    public static final Selector ALL = new Selector(Kind.ALL, "");

    static final String GROUP_PREFIX = "group:";
    static final String TAG_PREFIX = "tag:";

    static String list(Collection<Selector> selectors) {
        return String.join(", ", selectors.stream().map(Selector::toString).toList());
    }

    /** As it stands in the file. */
    @Override
    public String toString() {
        return switch (kind) {
            case ALL -> "*";
            case GROUP -> GROUP_PREFIX + name;
            case TAG -> TAG_PREFIX + name;
            case NAME -> name;
        };
    }
}
