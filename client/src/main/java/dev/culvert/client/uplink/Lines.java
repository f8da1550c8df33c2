package dev.culvert.client.uplink;

import java.util.Collection;
import java.util.stream.Collectors;

/** Lists in lines for people: a peer decides how long they are, the reader how much of them is of use. */
public final class Lines {
    private Lines() {}

    /** The first few, and how many more there are. */
    public static String some(Collection<?> items, int shown) {
        String text = items.stream().limit(shown).map(Object::toString).collect(Collectors.joining(", "));
        return items.size() > shown ? text + " and " + (items.size() - shown) + " more" : text;
    }
}
