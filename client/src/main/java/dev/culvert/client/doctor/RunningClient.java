package dev.culvert.client.doctor;

import dev.culvert.command.control.ControlClient;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The client that is up on this machine, if there is one, by its own word. It is asked once. */
final class RunningClient implements Check {
    private final List<Path> places;
    private @Nullable JsonNode status;

    /** @param places where its socket may be */
    RunningClient(List<Path> places) {
        this.places = places;
    }

    /** What it has said; empty when none is up, or before {@link #look}. */
    Optional<JsonNode> status() {
        return Optional.ofNullable(status);
    }

    /** The interface of it; empty when none is up. */
    Optional<String> device() {
        return status().map(said -> said.path("device").asString(""));
    }

    @Override
    public String name() {
        return "client";
    }

    @Override
    public List<Finding> look() throws IOException {
        JsonNode said;
        try {
            said = new ControlClient("client", places).ask("status", Map.of());
        } catch (ControlClient.NotRunningException e) {
            return List.of(Finding.open(name(), "none is up here"));
        }
        status = said;
        String who = "process " + said.path("pid").asString("?") + " is up, interface "
                + said.path("device").asString("?");
        return List.of(
                said.at("/link/state").asString("").equals("up")
                        ? Finding.good(
                                name(),
                                who + ", linked to " + said.at("/link/gateway").asString("?"))
                        : Finding.bad(
                                name(),
                                who + ", without a link: "
                                        + said.at("/link/why").asString("?"),
                                "it goes on trying; what is below says where it stops"));
    }
}
