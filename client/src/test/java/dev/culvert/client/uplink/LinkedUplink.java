package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.fixture.FakeGateway;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;

/** An uplink whose gateway is the test, and what is joined to its flows, in frozen time. Whatever is left of memory in the end is a leak. */
@NullUnmarked
public final class LinkedUplink implements AutoCloseable {
    public final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(false, true);
    public final MockTicker ticker = Ticker.newMockTicker();
    public final FakeGateway gateway = new FakeGateway(ticker, allocator);
    public final List<String> said = new ArrayList<>();
    public final Uplink uplink;
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final List<EmbeddedChannel> sockets = new ArrayList<>();
    public RawPeer link;

    /** Started; there is no link yet. */
    public LinkedUplink() {
        this("*:0.0.0.0/0", "*:[::/0]");
    }

    /** The same, where no more is granted than this. */
    public LinkedUplink(String... grants) {
        uplink = new Uplink(
                clock.eventLoop(),
                List.of(gateway),
                LinkSettings.DEFAULT,
                TokenGrants.of(Stream.of(grants).map(Grant::parse).toList(), SensitiveAddresses.standard()),
                RouteTable.Wanted.ALL,
                ClientSession.first(),
                said::add);
        uplink.start(routes -> {});
        settle();
    }

    /** There is a link, and {@code office} serves these networks. */
    public LinkedUplink up(String... routes) {
        link = gateway.accept();
        settle();
        announce(routes);
        takeFrames();
        return this;
    }

    public void announce(String... routes) {
        frame(
                Frame.ANNOUNCE,
                0,
                0,
                Announcement.encode(new Announcement.Reachable(
                        "laptop", List.of(new Announcement.ReachableAgent("office", 1, List.of(routes))))));
    }

    /** A connection of an application, on a loop that has the same time. */
    public <C extends EmbeddedChannel> C socket(C channel) {
        channel.config().setOption(ChannelOption.ALLOCATOR, allocator);
        sockets.add(channel);
        return channel;
    }

    /** There is nothing more to see of it: tests of many connections need not carry all of them along. */
    public void forget(EmbeddedChannel socket) {
        socket.close();
        socket.finishAndReleaseAll();
        socket.checkException();
        sockets.remove(socket);
    }

    public void settle() {
        for (int i = 0; i < 5; i++) {
            clock.runPendingTasks();
            clock.runScheduledPendingTasks();
            sockets.forEach(EmbeddedChannel::runPendingTasks);
            sockets.forEach(EmbeddedChannel::runScheduledPendingTasks);
            gateway.settle();
        }
    }

    public void advance(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        settle();
    }

    /** The same, with a gateway that is heard of now and then. */
    public void advanceLinked(long millis) {
        for (long left = millis; left > 0; left -= 5_000) {
            advance(Math.min(left, 5_000));
            frame(Frame.PONG, 0, 0, new byte[8]);
        }
    }

    public void frame(int type, int flags, int id, byte... payload) {
        link.sendFrame(type, flags, id, payload);
        settle();
    }

    public List<WebSocketMessage> takeFrames() {
        settle();
        return link.takeFrames();
    }

    /** The one frame that there must be, of this type. */
    public WebSocketMessage oneFrame(int type) {
        List<WebSocketMessage> frames = takeFrames();
        assertThat(frames).extracting(WebSocketMessage::type).containsExactly(type);
        return frames.get(0);
    }

    public static OpenRequest request(WebSocketMessage open) {
        try {
            return OpenRequest.decode(open.payload());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** The agent has reached the destination. */
    public void opened(int id) {
        frame(
                Frame.OPENED,
                0,
                id,
                Unpooled.buffer(8).writeInt(65_536).writeInt(1_000).array());
    }

    public void refused(int id, Reason reason) {
        frame(Frame.REFUSED, 0, id, (byte) reason.code());
    }

    public void data(int id, String text) {
        frame(Frame.DATA, 0, id, text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** What the far side has been sent since it was asked last, of all flows. */
    public String takeData() {
        StringBuilder all = new StringBuilder();
        takeFrames().stream().filter(f -> f.type() == Frame.DATA).forEach(f -> all.append(f.text()));
        return all.toString();
    }

    /** The link breaks, and there is no other. */
    public void disconnect() {
        link.channel.close();
        settle();
    }

    @Override
    public void close() {
        sockets.forEach(EmbeddedChannel::close);
        settle();
        uplink.stop("the test is over");
        for (int i = 0; i < 100 && uplink.flowCount() > 0; i++) {
            settle();
        }
        assertThat(uplink.flowCount()).as("flows").isZero();
        gateway.close();
        clock.finishAndReleaseAll();
        sockets.forEach(EmbeddedChannel::finishAndReleaseAll);
        sockets.forEach(EmbeddedChannel::checkException);
        assertThat(allocator.metric().usedHeapMemory() + allocator.metric().usedDirectMemory())
                .as("memory left")
                .isZero();
    }
}
