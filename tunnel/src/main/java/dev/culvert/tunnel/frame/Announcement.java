package dev.culvert.tunnel.frame;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import java.io.InputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Payloads of ANNOUNCE frames: JSON, so that later versions can add members (members not known are skipped). So is that of
 * {@link Drain}.
 */
public final class Announcement {
    /** The JSON of ours is three deep; what a later version adds may be deeper, but not so deep as to cost a stack. */
    private static final int MAX_DEPTH = 32;

    /** Digits of a number: all 64-bit ones fit, and nobody has to multiply longer ones. */
    private static final int MAX_DIGITS = 32;

    /** Names of agents, clients and services: what a policy allows, and more. */
    static final int MAX_NAME = 255;

    /** A prefix in text form, of IPv6 with an IPv4 address in it: the longest there is. */
    static final int MAX_PREFIX = 64;

    /** A list of ports in words: 256 ranges fit. */
    static final int MAX_PORTS = 8_192;

    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MAX_DEPTH)
                            .maxNumberLength(MAX_DIGITS)
                            .build())
                    // Of two members of one name, two readers might believe one each.
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
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
     * @param replaces instances of the same agent that have ended, and whose flows have ended with them; null reads as none
     * @param publish what it publishes, in text form; null reads as none
     * @param attachment which of the gateways that it knows this is, from 0: two of their URLs may lead to one
     * @param domains names at or below these are for its own resolver; null reads as none
     */
    public record Agent(
            String instance,
            @Nullable String version,
            List<String> routes,
            boolean echo,
            List<String> replaces,
            List<String> publish,
            int attachment,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> domains) {
        /** Most domains of one. */
        public static final int MAX_DOMAINS = 64;

        /** Most instances that one can replace. */
        public static final int MAX_REPLACES = 16;

        public Agent {
            require(instance, "instance");
            routes = List.copyOf(require(routes, "routes"));
            replaces = orNone(replaces);
            publish = orNone(publish);
            domains = orNone(domains);
        }

        /** One without domains. */
        public Agent(
                String instance,
                @Nullable String version,
                List<String> routes,
                boolean echo,
                List<String> replaces,
                List<String> publish,
                int attachment) {
            this(instance, version, routes, echo, replaces, publish, attachment, List.of());
        }

        /** One that knows one gateway. */
        public Agent(
                String instance,
                @Nullable String version,
                List<String> routes,
                boolean echo,
                List<String> replaces,
                List<String> publish) {
            this(instance, version, routes, echo, replaces, publish, 0);
        }

        /** One that publishes nothing. */
        public Agent(
                String instance, @Nullable String version, List<String> routes, boolean echo, List<String> replaces) {
            this(instance, version, routes, echo, replaces, List.of());
        }

        /** One that knows of none before it, likewise. */
        public Agent(String instance, @Nullable String version, List<String> routes, boolean echo) {
            this(instance, version, routes, echo, List.of());
        }
    }

    /**
     * Client to gateway.
     *
     * @param moves whether it knows other gateways, and goes on by one of them when this one is about to stop
     */
    public record Client(boolean moves) {}

    /**
     * Gateway to agent: in answer to its DRAIN, or to what it publishes.
     *
     * @param others how many other instances of it take new flows now; null in an answer to something else
     * @param refused what of its publications is not in force now, all of it; null likewise
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Answer(@Nullable Integer others, @Nullable List<Refused> refused) {
        public Answer {
            if (others != null && others < 0) {
                throw new IllegalArgumentException("member \"others\" is negative");
            }
            refused = refused == null ? null : List.copyOf(refused);
        }

        /** To its DRAIN. */
        public static Answer others(int count) {
            return new Answer(count, null);
        }

        /** To what it publishes. */
        public static Answer refused(List<Refused> publications) {
            return new Answer(null, publications);
        }
    }

    /**
     * A publication that is not in force.
     *
     * @param publication what the agent calls it, for people
     * @param why cause and cure, for people
     */
    public record Refused(String publication, String why) {
        public Refused {
            require(publication, "publication");
            require(why, "why");
        }
    }

    /**
     * Gateway to client: the agents that its grants mention, connected or not.
     *
     * @param barred whether the gateway's policy allows this client nothing of what its token grants
     * @param elsewhere URLs of gateways to which more of these agents are attached, and all that are attached here, best first; null
     *     reads as none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Reachable(
            String client,
            List<ReachableAgent> agents,
            boolean barred,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> elsewhere) {
        /** Of those that a client hears of; tokens name no more. */
        public static final int MAX_ELSEWHERE = 16;

        public Reachable {
            require(client, "client", MAX_NAME);
            agents = List.copyOf(require(agents, "agents"));
            elsewhere = orNone(elsewhere);
        }

        /** Of whose agents none is attached to another gateway only. */
        public Reachable(String client, List<ReachableAgent> agents, boolean barred) {
            this(client, agents, barred, List.of());
        }

        /** For a client that the policy allows something. */
        public Reachable(String client, List<ReachableAgent> agents) {
            this(client, agents, false);
        }
    }

    /**
     * One agent as a client sees it.
     *
     * @param instances how many are connected; 0 means that it is down
     * @param routes prefixes that the agent serves and the client is granted, in text form
     * @param services hosts that the gateway's policy names and the client may reach; null reads as none
     * @param maps of networks among these that are to be seen under other addresses; null reads as none
     * @param domains that it announces and the client may have its resolver asked about; null reads as none
     */
    public record ReachableAgent(
            String name,
            int instances,
            List<String> routes,
            List<ReachableService> services,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<ReachableMap> maps,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> domains) {
        public ReachableAgent {
            require(name, "name", MAX_NAME);
            if (instances < 0) {
                throw new IllegalArgumentException("member \"instances\" is negative");
            }
            routes = List.copyOf(require(routes, "routes"));
            services = orNone(services);
            maps = orNone(maps);
            domains = orNone(domains);
        }

        /** One without domains. */
        public ReachableAgent(
                String name,
                int instances,
                List<String> routes,
                List<ReachableService> services,
                List<ReachableMap> maps) {
            this(name, instances, routes, services, maps, List.of());
        }

        /** One all of whose networks are seen under their own addresses. */
        public ReachableAgent(String name, int instances, List<String> routes, List<ReachableService> services) {
            this(name, instances, routes, services, List.of());
        }

        /** One without named services. */
        public ReachableAgent(String name, int instances, List<String> routes) {
            this(name, instances, routes, List.of());
        }
    }

    /**
     * A network that is to be seen under other addresses than its own.
     *
     * @param network its own prefix, in text form
     * @param as the prefix of the same length that stands for it
     */
    public record ReachableMap(String network, String as) {
        public ReachableMap {
            require(network, "network", MAX_PREFIX);
            require(as, "as", MAX_PREFIX);
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
            require(name, "name", MAX_NAME);
            targets = List.copyOf(require(targets, "targets"));
            require(ports, "ports", MAX_PORTS);
        }
    }

    /** An older peer leaves the member out. */
    static <T> List<T> orNone(@Nullable List<T> list) {
        return list == null ? List.of() : List.copyOf(list);
    }

    /** A peer's JSON may leave out what our types promise. */
    private static <T> T require(@Nullable T value, String member) {
        if (value == null) {
            throw new IllegalArgumentException("member \"" + member + "\" is missing");
        }
        return value;
    }

    private static void require(@Nullable String value, String member, int max) {
        if (require(value, member).length() > max) {
            throw new IllegalArgumentException("member \"" + member + "\" is longer than " + max + " characters");
        }
    }

    public static byte[] encode(Object announcement) {
        return JSON.writeValueAsBytes(announcement);
    }

    /** @throws ProtocolException when it is not the JSON of {@code type}. Does not release {@code in}. */
    public static <T> T decode(ByteBuf in, Class<T> type) throws ProtocolException {
        return decode(in, type, "ANNOUNCE");
    }

    /** @param frame whose payload it is, for the message */
    static <T> T decode(ByteBuf in, Class<T> type, String frame) throws ProtocolException {
        try {
            T value = JSON.readValue((InputStream) new ByteBufInputStream(in), type);
            if (value == null) {
                throw new ProtocolException(frame + " is empty");
            }
            return value;
        } catch (JacksonException e) {
            throw new ProtocolException(
                    frame + " is not the JSON of a " + type.getSimpleName() + ": " + e.getOriginalMessage());
        }
    }
}
