package dev.culvert.client.uplink;

import dev.culvert.command.Candidates;
import dev.culvert.command.control.ControlClient;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** What the client that is up says of agents and networks, for shells that complete them. */
public final class ClientCandidates {
    /** Somebody has pressed a key. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private static final String AGENTS = "agents";
    private static final String NETWORKS = "networks";
    private static final String TARGETS = "targets";

    private ClientCandidates() {}

    /** Names of agents. */
    public static final class Agents extends Candidates {
        /** Used by picocli. */
        public Agents() {
            super(AGENTS);
        }
    }

    /** Beginnings of what is reached through an agent: {@code office:}. */
    public static final class Targets extends Candidates {
        /** Used by picocli. */
        public Targets() {
            super(TARGETS);
        }
    }

    /** Networks that agents serve. */
    public static final class Networks extends Candidates {
        /** Used by picocli. */
        public Networks() {
            super(NETWORKS);
        }
    }

    /**
     * Asks it.
     *
     * @param places where its socket may be
     * @throws IOException when none is up, or it may not be asked
     */
    public static List<String> of(String kind, List<Path> places) throws IOException {
        return from(new ControlClient("client", places, PATIENCE).ask("status", Map.of()), kind);
    }

    static List<String> from(JsonNode status, String kind) {
        List<String> all = new ArrayList<>();
        for (JsonNode agent : status.path("agents")) {
            if (kind.equals(AGENTS)) {
                all.add(agent.path("name").asString(""));
            } else if (kind.equals(TARGETS)) {
                all.add(agent.path("name").asString("") + ":");
            } else if (kind.equals(NETWORKS)) {
                agent.path("networks").forEach(network -> all.add(network.asString("")));
            }
        }
        return all;
    }
}
