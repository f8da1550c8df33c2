package dev.culvert.gateway.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Whether the state directory is there, whole, and closed to others. */
final class StateCheck implements Check {
    private final GatewayChecks.State state;

    StateCheck(GatewayChecks.State state) {
        this.state = state;
    }

    @Override
    public String name() {
        return "state";
    }

    @Override
    public List<Finding> look() {
        StateDirectory directory;
        int keys;
        try {
            directory = state.open();
            keys = directory.keys().accepted().size();
        } catch (IOException e) {
            return List.of(Finding.bad(
                    name(),
                    String.valueOf(e.getMessage()),
                    "or name the right one with --state, and run this as its owner"));
        }
        List<Finding> findings = new ArrayList<>();
        directory
                .warnings()
                .forEach(warning ->
                        findings.add(Finding.bad(name(), warning, "chmod 700 of the directory, 600 of its keys")));
        if (findings.isEmpty()) {
            findings.add(Finding.good(
                    name(),
                    directory.path() + ", tokens of " + keys + (keys == 1 ? " signing key" : " signing keys")
                            + " are accepted" + (directory.isOfCluster() ? "; on a store" : "")));
        }
        return findings;
    }
}
