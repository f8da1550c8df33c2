package dev.culvert.policy.publication;

import dev.culvert.address.HostPattern;
import dev.culvert.address.Transport;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which public sides are taken, and by whom. Paths of one name may be several holders'; what is passed through unread takes the
 * whole name, because its paths are not seen. A name and the wildcard that holds it are not in each other's way: the name goes
 * first. Not thread-safe.
 *
 * @param <T> a holder
 */
public final class PublicPlaces<T> {
    private record Port(Transport transport, int number) {}

    private static final class Name<T> {
        private final Map<String, T> paths = new HashMap<>();
        private @Nullable T whole;
        private @Nullable T any;
    }

    private final Map<HostPattern, Name<T>> names = new HashMap<>();
    private final Map<Port, T> ports = new HashMap<>();

    /** Who has what it would need; null when it can be had. */
    public @Nullable T inTheWay(Publication publication) {
        if (publication.at() instanceof WebName at) {
            Name<T> name = names.get(at.host());
            if (name == null) {
                return null;
            }
            if (name.whole != null) {
                return name.whole;
            }
            return publication.isPassedThrough() ? name.any : name.paths.get(at.path());
        }
        Ports range = (Ports) publication.at();
        for (int port = range.first(); port <= range.last(); port++) {
            T holder = ports.get(new Port(range.transport(), port));
            if (holder != null) {
                return holder;
            }
        }
        return null;
    }

    /** Gives it to a holder; {@link #inTheWay} has said that it can be had. */
    public void take(Publication publication, T holder) {
        if (publication.at() instanceof WebName at) {
            Name<T> name = names.computeIfAbsent(at.host(), h -> new Name<>());
            if (name.any == null) {
                name.any = holder;
            }
            if (publication.isPassedThrough()) {
                name.whole = holder;
            } else {
                name.paths.put(at.path(), holder);
            }
            return;
        }
        Ports range = (Ports) publication.at();
        for (int port = range.first(); port <= range.last(); port++) {
            ports.put(new Port(range.transport(), port), holder);
        }
    }

    /** How many ports are taken. */
    public int portCount() {
        return ports.size();
    }
}
