package dev.culvert.tunnel.frame;

import dev.culvert.text.Printable;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a DRAIN frame says: its sender is about to go.
 *
 * @param text for people
 * @param spread over what time those shall come back whose links end with it; null when it is not said
 * @param gateways URLs of others that are there meanwhile, in canonical form and in no order; none where none is known
 */
public record Drain(String text, @Nullable Duration spread, List<String> gateways) {
    /** Flag of DRAIN, since version 2: the payload is JSON; without it, UTF-8 text for people. */
    static final int FLAG_PLAN = 0x01;

    /** Bytes of a peer's text for people that are looked at; senders have at most 200. */
    private static final int MAX_TEXT = 512;

    public Drain {
        gateways = List.copyOf(gateways);
    }

    /** That it goes, and nothing of its coming back. */
    public Drain(String text) {
        this(text, null, List.of());
    }

    /** The JSON: a later version may add members. */
    private record Plan(@Nullable String text, long spreadMillis, List<String> gateways) {
        private Plan {
            gateways = Announcement.orNone(gateways);
        }
    }

    private boolean isPlan(int version) {
        return version >= 2 && spread != null;
    }

    /** @param version of the link that it goes over */
    public int flags(int version) {
        return isPlan(version) ? FLAG_PLAN : 0;
    }

    /** @param version of the link that it goes over: one of version 1 takes the text alone */
    public ByteBuf payload(int version) {
        return Unpooled.wrappedBuffer(
                isPlan(version) && spread != null
                        ? Announcement.encode(new Plan(text, spread.toMillis(), gateways))
                        : text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Reads what a peer said; its text as people may read it. Does not release {@code payload}.
     *
     * @param version of the link that it came over
     */
    public static Drain read(int flags, int version, ByteBuf payload) throws ProtocolException {
        if (version < 2 || (flags & FLAG_PLAN) == 0) {
            int length = Math.min(payload.readableBytes(), MAX_TEXT);
            return new Drain(Printable.text(payload.toString(payload.readerIndex(), length, StandardCharsets.UTF_8)));
        }
        Plan plan = Announcement.decode(payload, Plan.class, "DRAIN");
        String text = plan.text == null ? "" : plan.text;
        return new Drain(
                Printable.text(text.substring(0, Math.min(text.length(), MAX_TEXT))),
                Duration.ofMillis(Math.max(0, plan.spreadMillis)),
                plan.gateways);
    }
}
