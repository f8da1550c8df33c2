package dev.culvert.agent;

import dev.culvert.token.holder.NotedProcess;
import dev.culvert.tunnel.frame.Announcement;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process, as gateways tell it from others of its agent, and those before it that have ended: it says so, and clients that
 * hold flows for them need not go on asking.
 */
final class Instance implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Instance.class);

    private final String id;
    private final NotedProcess process;

    private Instance(String id, NotedProcess process) {
        this.id = id;
        this.process = process;
    }

    /** One that nobody will know of when it has ended. */
    static Instance unnoted() {
        return new Instance(newId(), NotedProcess.unnoted());
    }

    /**
     * Notes this process, and looks which others have ended. Where nothing can be written it does without. Blocks.
     *
     * @param directory the agent's state
     * @param agent whose processes it is one of
     */
    static Instance noted(Supplier<Path> directory, String agent) {
        String id = newId();
        // Of those that have ended the last ones: what an announcement takes.
        NotedProcess.Kin kin = new NotedProcess.Kin("instances-" + agent, Announcement.Agent.MAX_REPLACES);
        NotedProcess process = NotedProcess.noted(directory, kin, id);
        if (!process.trouble().isEmpty()) {
            log.info("should this agent be killed, its flows would hang instead of ending: {}", process.trouble());
        }
        return new Instance(id, process);
    }

    private static String newId() {
        return UUID.randomUUID().toString();
    }

    /** What gateways know this process by. */
    String id() {
        return id;
    }

    /** Processes of the same agent that ended before this one began, the last of them last. */
    List<String> replaces() {
        return process.ended();
    }

    /** Whoever comes next may say that this process has ended. */
    @Override
    public void close() {
        process.close();
    }
}
