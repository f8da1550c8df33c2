package dev.culvert.e2e;

import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Token;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * A program: a peer with a good token whose frames are seeded rubbish. Half of its links send well-formed WebSocket
 * messages with senseless frames, the others bytes that are no WebSocket at all.
 */
final class HostilePeer {
    private static final int LINKS = 40;
    private static final int MESSAGES = 400;

    private HostilePeer() {}

    /** Arguments: token file, seed. Prints how many links it has had. */
    public static void main(String[] args) throws Exception {
        String jwt = Files.readString(Path.of(args[0])).strip();
        Random random = new Random(Long.parseLong(args[1]));
        URI gateway;
        String pin;
        Announcement.Agent announcement = null;
        Token.Kind kind = args[0].contains("agent-") ? Token.Kind.AGENT : Token.Kind.CLIENT;
        if (TokenReader.read(jwt, kind) instanceof AgentToken agent) {
            gateway = agent.gateways().get(0);
            pin = agent.pin();
            announcement = new Announcement.Agent("hostile", "0", List.of("192.168.99.0/24"), true);
        } else {
            ClientToken client = (ClientToken) TokenReader.read(jwt, kind);
            gateway = client.gateways().get(0);
            pin = client.pin();
        }
        LinkConnector connector = new LinkConnector(
                gateway, pin == null ? null : Base64.getUrlDecoder().decode(pin), jwt);
        EventLoopGroup loops = EventLoops.create(1, "hostile");
        EventLoop loop = loops.next();
        int links = 0;
        for (int i = 0; i < LINKS; i++) {
            FlowMultiplexer mux = new FlowMultiplexer(new Refusing());
            Link link =
                    connector.connect(loop, LinkSettings.DEFAULT, mux).await().getNow();
            if (link == null) {
                continue;
            }
            links++;
            boolean wellFormed = i % 2 == 0;
            Announcement.Agent says = announcement;
            loop.submit(() -> {
                        if (says != null) {
                            mux.announce(says);
                        }
                    })
                    .sync();
            for (int n = 0; n < MESSAGES && link.channel().isActive(); n++) {
                ByteBuf bytes = wellFormed ? message(random) : Unpooled.wrappedBuffer(bytes(random, 3000));
                link.channel().writeAndFlush(bytes).await(1, TimeUnit.SECONDS);
            }
            link.channel().close().await(2, TimeUnit.SECONDS);
        }
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
        System.out.println("links " + links);
        if (links < LINKS / 2) {
            System.exit(1);
        }
    }

    /** A WebSocket message, masked with zero as ours are, around a frame that makes little sense. */
    private static ByteBuf message(Random random) {
        byte[] payload = bytes(random, 300);
        int length = Frame.HEADER_LENGTH + payload.length;
        ByteBuf b = Unpooled.buffer(length + 8);
        b.writeByte(0x82).writeByte(0x80 | 126).writeShort(length).writeInt(0);
        b.writeByte(random.nextInt(10) == 0 ? random.nextInt(256) : 1 + random.nextInt(13));
        b.writeByte(random.nextInt(4)).writeShort(random.nextInt(65536));
        int id = switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> random.nextInt();
            case 2 -> Frame.SERVER_OPENED | random.nextInt(64);
            default -> random.nextInt(64);
        };
        return b.writeInt(id).writeBytes(payload);
    }

    private static byte[] bytes(Random random, int most) {
        byte[] bytes = new byte[random.nextInt(most)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static final class Refusing implements FlowListener {
        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "hostile");
        }
    }
}
