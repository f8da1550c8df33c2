package dev.culvert.client.uplink;

import dev.culvert.token.holder.NotedProcess;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.SessionId;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;

/**
 * This process's session, and those of processes before it, which ended however they did: agents end their flows when they hear of
 * it. Each process has a new secret, which is in its memory alone; noted is its digest, by which a session can be ended and not be
 * gone on with. So a state directory that is copied, or comes back from a backup, mixes up nothing: at worst it costs a client that
 * still runs its flows.
 */
public final class NotedSession implements AutoCloseable {
    private static final HexFormat HEX = HexFormat.of();

    private final ClientSession session;
    private final NotedProcess process;

    private NotedSession(ClientSession session, NotedProcess process) {
        this.session = session;
        this.process = process;
    }

    /**
     * A new one, noted. Where nothing can be written it does without, and says so. Blocks.
     *
     * @param directory the client's state
     * @param client whose processes it is one of
     */
    public static NotedSession begin(Supplier<Path> directory, String client, Voice voice) {
        SessionId secret = SessionId.random();
        NotedProcess.Kin kin = new NotedProcess.Kin("sessions-" + client, ClientSession.MAX_ENDED);
        NotedProcess process = NotedProcess.noted(directory, kin, text(secret.digest()));
        if (!process.trouble().isEmpty()) {
            voice.say("should this client be killed, its connections would hang at the other end instead of ending: "
                    + process.trouble());
        }
        List<SessionId> ended = process.ended().stream()
                .filter(text -> text.length() == 2 * SessionId.LENGTH && text.indexOf('-') < 0)
                .map(text -> new SessionId(
                        HexFormat.fromHexDigitsToLong(text, 0, 16), HexFormat.fromHexDigitsToLong(text, 16, 32)))
                .toList();
        return new NotedSession(new ClientSession(secret, ended), process);
    }

    private static String text(SessionId digest) {
        return HEX.toHexDigits(digest.high()) + HEX.toHexDigits(digest.low());
    }

    public ClientSession session() {
        return session;
    }

    /** Whoever comes next may say that this process has ended. */
    @Override
    public void close() {
        process.close();
    }
}
