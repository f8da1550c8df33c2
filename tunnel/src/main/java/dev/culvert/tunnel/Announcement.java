package dev.culvert.tunnel;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import java.io.InputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Payloads of ANNOUNCE frames: JSON, so that later versions can add members (members not known are skipped). */
public final class Announcement {
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES) // left out by an older peer: false, 0
            .build();

    private Announcement() {}

    /**
     * Agent to gateway: what this instance is and serves.
     *
     * @param instance unique for each running process
     * @param version the program's version, for people
     * @param routes prefixes in text form; the gateway takes only those that the agent's token holds
     * @param echo whether it can ping
     */
    public record Agent(String instance, @Nullable String version, List<String> routes, boolean echo) {
        public Agent {
            require(instance, "instance");
            routes = List.copyOf(require(routes, "routes"));
        }
    }

    /** Gateway to client: the agents that its grants mention, connected or not. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Reachable(String client, List<ReachableAgent> agents) {
        public Reachable {
            require(client, "client");
            agents = List.copyOf(require(agents, "agents"));
        }
    }

    /**
     * One agent as a client sees it.
     *
     * @param instances how many are connected; 0 means that it is down
     * @param routes prefixes that the agent serves and the client is granted, in text form
     * @param services hosts that the gateway's policy names and the client may reach; null reads as none
     */
    public record ReachableAgent(String name, int instances, List<String> routes, List<ReachableService> services) {
        public ReachableAgent {
            require(name, "name");
            routes = List.copyOf(require(routes, "routes"));
            services = orNone(services);
        }

        /** One without named services. */
        public ReachableAgent(String name, int instances, List<String> routes) {
            this(name, instances, routes, List.of());
        }
    }

    /**
     * A host that has a name in the gateway's policy.
     *
     * @param targets prefixes and host names, in text form
     * @param ports such as {@code 80,443/tcp icmp}, for people
     */
    public record ReachableService(String name, List<String> targets, String ports) {
        public ReachableService {
            require(name, "name");
            targets = List.copyOf(require(targets, "targets"));
            require(ports, "ports");
        }
    }

    /** An older gateway leaves the member out. */
    private static <T> List<T> orNone(@Nullable List<T> list) {
        return list == null ? List.of() : List.copyOf(list);
    }

    /** A peer's JSON may leave out what our types promise. */
    private static <T> T require(@Nullable T value, String member) {
        if (value == null) {
            throw new IllegalArgumentException("member \"" + member + "\" is missing");
        }
        return value;
    }

    public static byte[] encode(Object announcement) {
        return JSON.writeValueAsBytes(announcement);
    }

    /** @throws ProtocolException when it is not the JSON of {@code type}. Does not release {@code in}. */
    public static <T> T decode(ByteBuf in, Class<T> type) throws ProtocolException {
        try {
            T value = JSON.readValue((InputStream) new ByteBufInputStream(in), type);
            if (value == null) {
                throw new ProtocolException("ANNOUNCE is empty");
            }
            return value;
        } catch (JacksonException e) {
            throw new ProtocolException(
                    "ANNOUNCE is not the JSON of a " + type.getSimpleName() + ": " + e.getOriginalMessage());
        }
    }
}
