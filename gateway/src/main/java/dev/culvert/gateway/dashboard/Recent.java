package dev.culvert.gateway.dashboard;

import dev.culvert.gateway.audit.AuditRecord;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** The newest of what the audit log is told: flows that were denied, and all that is not about flows. From any thread. */
final class Recent implements Consumer<AuditRecord> {
    /** Of each kind. */
    static final int MAX = 200;

    /** A record and its place among those of its kind. */
    private record Told(long number, AuditRecord record) {}

    private final Deque<Told> denials = new ArrayDeque<>();
    private final Deque<Told> events = new ArrayDeque<>();
    private long numbers;

    @Override
    public void accept(AuditRecord record) {
        if (!(record instanceof AuditRecord.Flow flow)) {
            add(events, record);
        } else if (!flow.allowed()) {
            add(denials, record);
        }
    }

    private synchronized void add(Deque<Told> to, AuditRecord record) {
        if (to.size() >= MAX) {
            to.removeFirst();
        }
        to.addLast(new Told(numbers++, record));
    }

    /** Shows them. */
    synchronized void show(Scene.Builder scene) {
        scene.rows("denials");
        denials.forEach(told -> scene.put("denials", Long.toString(told.number), told.record.line()));
        scene.rows("audit");
        events.forEach(told -> scene.put("audit", Long.toString(told.number), event(told.record)));
    }

    private static Map<String, Object> event(AuditRecord record) {
        Map<String, Object> line = record.line();
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("time", String.valueOf(line.remove("time")));
        row.put("event", String.valueOf(line.remove("event")));
        row.put(
                "text",
                line.entrySet().stream()
                        .map(field -> field.getKey() + "=" + field.getValue())
                        .collect(Collectors.joining(" ")));
        return row;
    }
}
