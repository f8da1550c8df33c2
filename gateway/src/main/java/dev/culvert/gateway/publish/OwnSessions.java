package dev.culvert.gateway.publish;

import dev.culvert.token.holder.NotedProcess;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.SessionId;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sessions of the gateway's own ends in this process, one for each event loop, and those of processes before it, which ended
 * however they did: agents end their flows when they hear of it. All of a process follow from one number, which is noted with how many
 * they are, and readable by the gateway alone; it is no secret that somebody else could use, for only the gateway's own ends are known
 * by their name.
 */
public final class OwnSessions implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(OwnSessions.class);

    private static final HexFormat HEX = HexFormat.of();

    private static final NotedProcess.Kin KIN = new NotedProcess.Kin("published-sessions", ClientSession.MAX_ENDED);

    private static final int MAX_LOOPS = 0xffff;

    private final List<ClientSession> sessions;
    private final NotedProcess process;

    private OwnSessions(List<ClientSession> sessions, NotedProcess process) {
        this.sessions = sessions;
        this.process = process;
    }

    /**
     * New ones, noted. Where nothing can be written it does without, and says so. Blocks.
     *
     * @param directory the gateway's state
     * @param loops how many event loops there are
     */
    public static OwnSessions begin(Supplier<Path> directory, int loops) {
        SessionId own = SessionId.random();
        NotedProcess process = NotedProcess.noted(directory, KIN, text(own, loops));
        if (!process.trouble().isEmpty()) {
            log.info(
                    "should this gateway be killed, agents would hold flows of what is published instead of ending them: {}",
                    process.trouble());
        }
        List<String> before = new ArrayList<>(process.ended());
        before.removeIf(text -> text.length() != 2 * SessionId.LENGTH + 4 || text.indexOf('-') >= 0);
        List<List<SessionId>> ended = IntStream.range(0, loops)
                .<List<SessionId>>mapToObj(loop -> new ArrayList<>())
                .toList();
        for (int i = before.size() - 1; i >= 0; i--) { // the last first: it is the most likely to be held
            String text = before.get(i);
            SessionId noted = new SessionId(
                    HexFormat.fromHexDigitsToLong(text, 0, 16), HexFormat.fromHexDigitsToLong(text, 16, 32));
            int many = HexFormat.fromHexDigits(text, 32, 36);
            for (int n = 0; n < many; n++) {
                List<SessionId> by = ended.get(n % loops);
                if (by.size() < ClientSession.MAX_ENDED) {
                    by.add(secret(noted, n).digest());
                }
            }
        }
        return new OwnSessions(
                IntStream.range(0, loops)
                        .mapToObj(n -> new ClientSession(secret(own, n), List.copyOf(ended.get(n))))
                        .toList(),
                process);
    }

    private static String text(SessionId id, int loops) {
        return HEX.toHexDigits(id.high())
                + HEX.toHexDigits(id.low())
                + HEX.toHexDigits((short) Math.min(loops, MAX_LOOPS));
    }

    private static SessionId secret(SessionId process, int n) {
        return process.under(PublishedFlows.NAME, Integer.toString(n));
    }

    /** Of each loop. */
    List<ClientSession> all() {
        return sessions;
    }

    /** Whether there is anything to say of processes before this one. */
    boolean anyEnded() {
        return sessions.stream().anyMatch(s -> !s.ended().isEmpty());
    }

    /** Whoever comes next may say that this process has ended. */
    @Override
    public void close() {
        process.close();
    }
}
