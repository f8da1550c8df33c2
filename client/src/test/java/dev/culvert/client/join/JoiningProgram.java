package dev.culvert.client.join;

import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/** A program that joins, which is the test: it writes what it likes, and reads what it is told. */
@NullUnmarked
final class JoiningProgram {
    static final String TOKEN = "t0ken";
    static final String ASK =
            "{\"culvert\": 1, \"ask\": \"join\", \"with\": {\"token\": \"" + TOKEN + "\", \"link\": 1}}\n";

    final EmbeddedChannel channel;
    private final LinkedUplink bench;
    private final ByteBuf outbound = Unpooled.buffer();

    JoiningProgram(LinkedUplink bench, JoinedPrograms programs, long user) {
        this.bench = bench;
        channel = bench.socket(EmbeddedChannel.builder().ticker(bench.ticker).build());
        programs.arrived(channel, user);
    }

    /** One that has joined, and has heard what there is. */
    static JoiningProgram joined(LinkedUplink bench, JoinedPrograms programs, long user) {
        JoiningProgram program = new JoiningProgram(bench, programs, user);
        program.say(ASK);
        if (!program.line().contains("\"answer\"")) {
            throw new AssertionError("not joined");
        }
        program.frames();
        return program;
    }

    void say(String text) {
        send(Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
    }

    void send(ByteBuf bytes) {
        ByteBuf read = channel.alloc().directBuffer(Math.max(2_048, bytes.readableBytes()));
        read.writeBytes(bytes);
        bytes.release();
        if (channel.isOpen()) {
            channel.writeInbound(read);
        } else {
            read.release();
        }
        bench.settle();
    }

    void frame(int type, int flags, int id, byte... payload) {
        send(WebSocketMessage.encode(
                WebSocketMessage.BINARY, WebSocketMessage.frame(type, flags, id, payload), 0x1234_5678));
    }

    void open(int id, int protocol, String address, int port, String agent) {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(destination(protocol, address, port), agent, null, null, 0, 0, null)
                .over(65_536, 100, null)
                .encode(b);
        frame(Frame.OPEN, 0, id, ByteBufUtil.getBytes(b));
    }

    static Destination destination(int protocol, String address, int port) {
        try {
            return Destination.of(protocol, InetAddress.getByName(address), port);
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    private void take() {
        bench.settle();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            outbound.writeBytes(b);
            b.release();
        }
    }

    /** The next line; empty when there is none. */
    String line() {
        take();
        int end = outbound.bytesBefore((byte) '\n');
        return end < 0
                ? ""
                : outbound.readCharSequence(end + 1, StandardCharsets.UTF_8).toString();
    }

    /** What has come since, without PING and PONG. */
    List<WebSocketMessage> frames() {
        take();
        List<WebSocketMessage> messages = new ArrayList<>();
        try (ByteBufInputStream in = new ByteBufInputStream(outbound)) {
            while (outbound.isReadable()) {
                WebSocketMessage m = WebSocketMessage.read(in);
                if (m.opcode() != 2 || m.type() != Frame.PING && m.type() != Frame.PONG) {
                    messages.add(m);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        outbound.clear();
        return messages;
    }

    WebSocketMessage one(int type) {
        List<WebSocketMessage> all = frames();
        if (all.size() != 1 || all.get(0).type() != type) {
            throw new AssertionError("expected one frame of type " + type + ", have "
                    + all.stream().map(WebSocketMessage::type).toList());
        }
        return all.get(0);
    }
}
