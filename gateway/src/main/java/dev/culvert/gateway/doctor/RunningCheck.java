package dev.culvert.gateway.doctor;

import dev.culvert.command.control.ControlClient;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Whether the gateway runs, and what it says of itself. It is asked once. */
final class RunningCheck implements Check {
    private final List<Path> sockets;
    private @Nullable JsonNode status;

    /** @param sockets where it may answer */
    RunningCheck(List<Path> sockets) {
        this.sockets = sockets;
    }

    /** Whether one was found by {@link #look}. */
    boolean isRunning() {
        return status != null;
    }

    @Override
    public String name() {
        return "gateway";
    }

    @Override
    public List<Finding> look() throws IOException {
        JsonNode said;
        try {
            said = new ControlClient("gateway", sockets).ask("status", Map.of());
        } catch (ControlClient.NotRunningException e) {
            return List.of(Finding.bad(
                    name(),
                    "it is not running, or its socket is elsewhere",
                    "systemctl status culvert-gateway, or start it"));
        }
        status = said;
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.good(
                name(),
                "process " + said.path("pid").asString("?") + " listens on "
                        + said.path("listen").asString("?") + ", "
                        + said.path("agents").size() + " agents, "
                        + said.path("clients").size() + " clients, "
                        + said.path("flows").asString("?") + " flows"));
        JsonNode store = said.path("store");
        if (store.path("state").asString("").equals("away")) {
            findings.add(Finding.bad(
                    "store",
                    store.path("address").asString("?") + " is away: "
                            + store.path("why").asString("?"),
                    "look at the Redis, and the way there; the gateway goes on by its copy"));
        }
        for (JsonNode certificate : said.path("certificates")) {
            String why = certificate.path("why").asString("");
            if (!why.isEmpty()) {
                String name = certificate.path("name").asString("?");
                findings.add(Finding.bad("certificate", name + ": " + why, "gateway publish explain " + name));
            }
        }
        return findings;
    }
}
