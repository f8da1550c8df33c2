package dev.culvert.gateway.fabric;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PresentClient;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The session of a client's link, and those before it that have ended, as the client says them: kept by their digests, and told to
 * each agent as that knows them. On the link's event loop, but for what says otherwise.
 */
final class LinkSession {
    private final LinkSide side;
    private final Sessions sessions;
    private final Presence<AgentRole> presence;
    private final String holder;

    /** Null until the client has said it. */
    private @Nullable SessionId session;

    private volatile List<SessionId> ended = List.of();

    // The session as the agent that was asked last knows it.
    private @Nullable String lastAgent;
    private @Nullable SessionId lastKnown;

    LinkSession(LinkSide side, Sessions sessions, Presence<AgentRole> presence) {
        this.side = side;
        this.sessions = sessions;
        this.presence = presence;
        // Whose sessions its sessions are: a renewed token of one key goes on with what the one before has.
        AuditRecord.Holder h = side.holder();
        holder = h.name() + (h.key() != null ? "\0key " + h.key() : "\0token " + h.token());
    }

    /**
     * SESSION has come.
     *
     * @return a number by which the session's flows of datagrams go to the same instance, at whatever gateway
     */
    int said(ByteBuf payload) throws ProtocolException {
        if (payload.readableBytes() < SessionId.LENGTH || session != null) {
            throw new ProtocolException(
                    session != null ? "SESSION twice" : "SESSION whose payload is shorter than 16 bytes");
        }
        SessionId digest = SessionId.read(payload).digest();
        session = digest;
        sessions.has(holder, digest, side);
        return digest.under(holder, "").hashCode();
    }

    boolean isSaid() {
        return session != null;
    }

    /** SESSION_ENDED has come, from {@code client}: its agents are told, and those that come later ask for {@link #ended(String)}. */
    void saidEnded(PresentClient client, ByteBuf payload) throws ProtocolException {
        int n = payload.readableBytes() / SessionId.LENGTH;
        if (n == 0 || n > ClientSession.MAX_ENDED || !ended.isEmpty()) {
            throw new ProtocolException(
                    !ended.isEmpty()
                            ? "SESSION_ENDED twice"
                            : "SESSION_ENDED of " + n + " sessions, which is not 1 to " + ClientSession.MAX_ENDED);
        }
        List<SessionId> all = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            all.add(SessionId.read(payload));
        }
        ended = List.copyOf(all);
        sessions.end(holder, all.iterator(), side, () -> tellAgents(client));
    }

    /** Or, of a holder that says it again and again, after a while: no agent that the link finds here may miss it. */
    private void tellAgents(PresentClient client) {
        if (sessions.mayTell(holder)) {
            tellNext(client, presence.agentNames());
        } else if (side.isUp()) {
            side.loop().schedule(() -> tellAgents(client), Sessions.TELL_AGAIN_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    /** One name after another, and other things of the loop between them: there may be very many. */
    private void tellNext(PresentClient client, Iterator<String> agents) {
        if (agents.hasNext()) {
            String agent = agents.next();
            if (client.mayHaveUsed(agent)) {
                List<SessionId> its = ended(agent); // instances of one name know them alike
                presence.instances(agent).forEach(one -> side.tell(one.side(), () -> one.tellEnded(its)));
            }
            side.hand(new Inbox.Item(null, 0, () -> tellNext(client, agents), null));
        }
    }

    /** See {@link PresentClient#ended}. From any thread. */
    List<SessionId> ended(String agent) {
        return ended.stream().map(s -> s.under(holder, agent)).toList();
    }

    /** The link is down. */
    void left() {
        SessionId s = session;
        if (s != null) {
            sessions.left(holder, s, side);
        }
    }

    /** A path as the agent gets it; null for a flow without one. */
    @Nullable
    FlowPath forwarded(@Nullable FlowPath path, String agent) {
        SessionId s = session;
        if (path == null || s == null) {
            return null;
        }
        SessionId known = agent.equals(lastAgent) ? lastKnown : null;
        if (known == null) {
            known = s.under(holder, agent);
            lastAgent = agent;
            lastKnown = known;
        }
        return path.forwarded(known);
    }
}
