package dev.culvert.client.uplink;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What is new in an announcement, in lines for people: few, whatever the gateway announces. Event loop only. */
final class AgentNews {
    /** Agents of which one announcement tells in a line each; of the others it says how many they are. */
    static final int MAX_LINES = 8;

    /** Networks in such a line. */
    private static final int SHOWN = 8;

    private final Map<String, Integer> agents = new TreeMap<>();
    private Set<String> problems = Set.of();
    private boolean told;
    private boolean barred;

    /** What has changed since the last announcement. */
    List<String> of(Announced announced) {
        List<String> lines = new ArrayList<>();
        Map<String, Integer> before = new HashMap<>(agents);
        agents.clear();
        int untold = 0;
        for (Announced.Agent agent : announced.agents().values()) {
            agents.put(agent.name(), agent.instances());
            Integer were = before.get(agent.name());
            boolean connected = agent.instances() > 0;
            if (were != null && were > 0 == connected) {
                continue;
            }
            if (lines.size() == MAX_LINES) {
                untold++;
            } else if (connected) {
                lines.add("agent '" + agent.name() + "' is connected, serving "
                        + (agent.networks().isEmpty()
                                ? "no network that you may use"
                                : Lines.some(agent.networks(), SHOWN)));
            } else {
                lines.add("agent '" + agent.name() + "' is not connected");
            }
        }
        if (untold > 0) {
            lines.add(untold + " more agents have come or gone; 'client list' shows all");
        }
        if (agents.isEmpty() && (!told || !before.isEmpty() || announced.barred() != barred)) {
            lines.add(
                    announced.barred()
                            ? "the gateway's policy allows you nothing now; ask whoever keeps it"
                            : "no agent of this token has connected to the gateway yet");
        }
        told = true;
        barred = announced.barred();
        return lines;
    }

    /** Of an announcement's problems those that the one before did not have. */
    List<String> problems(List<String> now) {
        List<String> fresh = now.stream().filter(p -> !problems.contains(p)).toList();
        problems = Set.copyOf(now);
        return fresh;
    }

    /** Agents and how many instances of each are connected, by name: as it is now. */
    Map<String, Integer> agents() {
        return Collections.unmodifiableMap(agents);
    }
}
