package dev.culvert.gateway.fabric;

import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.PublicationListener;
import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What the agent of a link publishes, and what it is told of that. On the link's event loop, but for what says otherwise. */
final class Publisher implements PublishingAgent {
    /** Refusals that an agent is told of: who has more has the first to mend before the others. */
    static final int MAX_TOLD = 64;

    /** It is told so often at most, the newest. */
    static final long TELL_MILLIS = 1_000;

    private final LinkSide side;
    private final AgentToken token;
    private final Services services;
    private final PublicationListener listener;
    private @Nullable List<String> said;
    private @Nullable List<Announcement.Refused> toTell;
    private long toldNanos;

    Publisher(LinkSide side, AgentToken token, Services services, PublicationListener listener) {
        this.side = side;
        this.token = token;
        this.services = services;
        this.listener = listener;
        this.toldNanos = services.nanos() - TimeUnit.MILLISECONDS.toNanos(TELL_MILLIS);
    }

    @Override
    public String name() {
        return side.name();
    }

    @Override
    public String holderKey() {
        return side.holderKey();
    }

    @Override
    public long number() {
        return side.holder().link();
    }

    @Override
    public AgentToken token() {
        return token;
    }

    /** It says what it publishes; nothing, too. */
    void announced(List<String> publications) {
        if (!publications.equals(said)) {
            said = publications;
            listener.announced(this, publications);
        }
    }

    /** The link is down. */
    void down() {
        if (said != null) {
            listener.gone(this);
        }
    }

    /** From any thread. */
    @Override
    public void refused(List<Announcement.Refused> publications) {
        side.loop().execute(() -> {
            boolean waits = toTell != null;
            toTell = publications;
            if (!waits) {
                long wait = toldNanos + TimeUnit.MILLISECONDS.toNanos(TELL_MILLIS) - services.nanos();
                side.loop().schedule(this::tell, Math.max(0, wait), TimeUnit.NANOSECONDS);
            }
        });
    }

    private void tell() {
        List<Announcement.Refused> refused = toTell;
        if (refused == null || !side.isUp() || side.carrier().version() < 2) {
            return; // of version 1 none is told; it is in the log
        }
        if (!side.writer().takesControl()) { // it does not read; the newest is told when it does
            side.loop().schedule(this::tell, TELL_MILLIS, TimeUnit.MILLISECONDS);
            return;
        }
        toTell = null;
        toldNanos = services.nanos();
        int many = Math.min(refused.size(), MAX_TOLD);
        byte[] json;
        do {
            json = Announcement.encode(Announcement.Answer.refused(refused.subList(0, many)));
            many /= 2;
        } while (json.length > Frame.MAX_PAYLOAD);
        side.writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(json));
    }

    @Override
    public String toString() {
        return side.toString();
    }
}
