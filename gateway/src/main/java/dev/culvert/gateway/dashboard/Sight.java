package dev.culvert.gateway.dashboard;

import dev.culvert.gateway.fabric.Fabric;
import dev.culvert.gateway.fabric.OpenFlow;
import dev.culvert.gateway.status.GatewayStatus;
import dev.culvert.gateway.status.StatusQuestion;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Finds out what there is to see. What it says is what {@code gateway status} says at that moment, and the flows beside it.
 *
 * @param status finds out how the gateway is
 * @param fabric has the flows
 */
public record Sight(StatusQuestion status, Fabric fabric) {
    /** Flows that are shown; there may be more, which the totals say. */
    static final int MAX_FLOWS = 5_000;

    /** Routes that are shown of each agent. */
    private static final int MAX_ROUTES = 16;

    /** For all loops to have told of their flows; what is late is not shown this time. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** Whole seconds and a name each, so that a row is the same as long as its flow carries nothing. */
    private record Flow(
            long link,
            String client,
            @Nullable String source,
            String protocol,
            String host,
            int port,
            String agent,
            @Nullable Long agentLink,
            @Nullable String instance,
            @Nullable String rule,
            boolean open,
            long up,
            long down,
            Instant since) {}

    private record Agent(String name, GatewayStatus.Instance instance, List<String> routes) {}

    private record Client(String name, GatewayStatus.OneLink link) {}

    /**
     * Looks. Blocks.
     *
     * @throws IOException with one line for people
     */
    Scene.Builder look() throws IOException {
        GatewayStatus now = status.now();
        Scene.Builder scene = new Scene.Builder();
        scene.put("gateway", "this", gateway(now));
        Map<Long, List<String>> routes = new HashMap<>();
        status.presence()
                .forEachAgent(agent -> routes.put(
                        agent.number(),
                        agent.routes().stream()
                                .limit(MAX_ROUTES)
                                .map(Object::toString)
                                .toList()));
        scene.rows("agents");
        now.agents()
                .forEach(agent -> agent.instances()
                        .forEach(one -> scene.put(
                                "agents",
                                Long.toString(one.link().link()),
                                new Agent(
                                        agent.name(),
                                        one,
                                        routes.getOrDefault(one.link().link(), List.of())))));
        scene.rows("clients");
        now.clients()
                .forEach(client -> client.links()
                        .forEach(link ->
                                scene.put("clients", Long.toString(link.link()), new Client(client.name(), link))));
        scene.rows("publications");
        now.publications().forEach(one -> scene.put("publications", one.at() + " " + one.agent(), one));
        scene.rows("flows");
        flows(scene);
        return scene;
    }

    private Map<String, Object> gateway(GatewayStatus now) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("version", now.version());
        row.put("since", now.since());
        row.put("now", now.now());
        row.put("listen", now.listen());
        row.put("urls", now.urls());
        row.put("flows", now.flows());
        row.put("strangers", now.strangers());
        row.put("memory", now.memory());
        row.put("policy", now.policy());
        row.put("counters", now.counters());
        row.put("up", status.services().counters().bytesUp.sum());
        row.put("down", status.services().counters().bytesDown.sum());
        row.put("flowsShown", MAX_FLOWS);
        return row;
    }

    private void flows(Scene.Builder scene) {
        long nanos = status.services().nanos();
        Instant now = status.services().clock().instant();
        for (OpenFlow flow : openFlows()) {
            scene.put(
                    "flows",
                    flow.link() + "." + flow.id(),
                    new Flow(
                            flow.link(),
                            flow.client(),
                            flow.source(),
                            flow.protocol(),
                            flow.host(),
                            flow.port(),
                            flow.agent(),
                            flow.agentLink(),
                            flow.instance(),
                            flow.rule(),
                            flow.isOpen(),
                            flow.bytesUp(),
                            flow.bytesDown(),
                            near(now.minusNanos(nanos - flow.startNanos()))));
        }
    }

    /** Two clocks that are read at two moments differ by less than half of this, all but always. */
    private static Instant near(Instant at) {
        long second = Math.floorDiv(at.toEpochMilli() + 500, 1_000L);
        return Instant.ofEpochSecond(second);
    }

    private List<OpenFlow> openFlows() {
        try {
            return fabric.openFlows(MAX_FLOWS).get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return List.of();
        } catch (ExecutionException | TimeoutException e) {
            return List.of();
        }
    }
}
