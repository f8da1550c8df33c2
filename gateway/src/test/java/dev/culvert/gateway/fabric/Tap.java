package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import org.jspecify.annotations.NullUnmarked;

/** Before what takes a link's frames: writes them down, if that is wanted. */
@NullUnmarked
final class Tap implements FrameReceiver {
    private static final String[] TYPES = {
        "?",
        "OPEN",
        "OPENED",
        "REFUSED",
        "DATA",
        "FIN",
        "RESET",
        "CREDIT",
        "DATAGRAM",
        "PING",
        "PONG",
        "ANNOUNCE",
        "DRAIN",
        "SESSION",
        "PATH_LOST",
        "HELD",
        "OVER",
        "SESSION_ENDED"
    };

    private final Simulation world;
    private final FrameReceiver to;
    private final String who;

    Tap(Simulation world, FrameReceiver to, String who) {
        this.world = world;
        this.to = to;
        this.who = who;
    }

    @Override
    public void linkUp(Link link) {
        world.tell(() -> who + " up");
        to.linkUp(link);
    }

    @Override
    public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        world.tell(() -> who + " <- " + TYPES[type] + " " + Integer.toHexString(flowId) + " flags " + flags + " "
                + content(type, payload));
        to.frame(link, type, flags, flowId, payload);
    }

    private static String content(int type, ByteBuf payload) {
        try {
            return switch (type) {
                case Frame.DATA, Frame.DATAGRAM -> payload.readableBytes() + " bytes";
                case Frame.ANNOUNCE, Frame.SESSION -> "";
                case Frame.OPEN -> OpenRequest.decode(payload.duplicate()).toString();
                default -> ByteBufUtil.hexDump(payload);
            };
        } catch (ProtocolException e) {
            return e.getMessage();
        }
    }

    @Override
    public void batchComplete(Link link) {
        to.batchComplete(link);
    }

    @Override
    public boolean mayHold(Link link) {
        return to.mayHold(link);
    }

    @Override
    public void linkDown(Link link, String why) {
        world.tell(() -> who + " down: " + why);
        to.linkDown(link, why);
    }
}
