package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.web.Browser;
import dev.culvert.gateway.web.HttpFront;
import dev.culvert.gateway.web.Rest;
import dev.culvert.gateway.web.Sites;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who may come where there is no room, and who goes for it. */
@NullUnmarked
final class VisitorsTest {
    private static final int ALL = 5;
    private static final int EACH = 3;
    private static final int FROM = 2;

    private final MockTicker ticker = Ticker.newMockTicker();
    private final List<EmbeddedChannel> channels = new ArrayList<>();
    private final Visitors visitors = new Visitors(
            new ProxiesInFront(List.of(), List.of(IpPrefix.parse("198.51.100.0/24"))),
            ALL,
            EACH,
            FROM,
            ticker::nanoTime);

    @AfterEach
    void close() {
        channels.forEach(EmbeddedChannel::finishAndReleaseAll);
        assertThat(visitors.count()).isZero();
    }

    private EmbeddedChannel from(String address) {
        ticker.advance(1, TimeUnit.SECONDS);
        EmbeddedChannel channel = EmbeddedChannel.builder().ticker(ticker).build();
        new Visitor(new InetSocketAddress(address, 1), new InetSocketAddress("127.0.0.1", 443)).isOf(channel);
        channels.add(channel);
        return channel;
    }

    private EmbeddedChannel enters(String address, String place) {
        EmbeddedChannel channel = from(address);
        assertThat(visitors.enter(channel, place)).isTrue();
        return channel;
    }

    /** It waits for its first request. */
    private EmbeddedChannel rests(String address, String place, String protocol) {
        EmbeddedChannel channel = enters(address, place);
        HttpFront.install(
                channel.pipeline(),
                (Sites) (host, path) -> null,
                new Browser(Visitor.of(channel).address(), true, List.of()),
                protocol);
        channel.runPendingTasks();
        return channel;
    }

    private EmbeddedChannel rests(String address, String place) {
        return rests(address, place, "http/1.1");
    }

    private static void say(EmbeddedChannel channel, String text) {
        channel.writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
        channel.runPendingTasks();
    }

    private static String heard(EmbeddedChannel channel) {
        StringBuilder all = new StringBuilder();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            all.append(b.toString(StandardCharsets.US_ASCII));
            b.release();
        }
        return all.toString();
    }

    private static void settle(EmbeddedChannel... all) {
        for (EmbeddedChannel channel : all) {
            channel.runPendingTasks();
        }
    }

    @Test
    void whoHasRestedLongestGoesForANewcomer() {
        EmbeddedChannel first = rests("10.0.0.1", "a");
        EmbeddedChannel second = rests("10.0.0.2", "a");
        EmbeddedChannel third = rests("10.0.0.3", "a", "h2");
        EmbeddedChannel other = rests("10.0.0.4", "b");
        ticker.advance(1, TimeUnit.SECONDS);
        say(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); // it rests again since now
        assertThat(heard(first)).startsWith("HTTP/1.1 404");

        enters("10.0.0.5", "a");
        settle(first, second, third, other);
        assertThat(second.isOpen()).isFalse();
        assertThat(List.of(first, third, other)).allMatch(EmbeddedChannel::isOpen);
        enters("10.0.0.6", "a");
        settle(first, third, other);
        assertThat(third.isOpen()).isFalse();
        assertThat(List.of(first, other)).allMatch(EmbeddedChannel::isOpen);
        assertThat(visitors.count()).isEqualTo(1 + EACH);
    }

    @Test
    void whoIsServedStays() {
        EmbeddedChannel head = rests("10.0.0.1", "a");
        say(head, "GET / HT");
        EmbeddedChannel passedThrough = enters("10.0.0.2", "a");
        EmbeddedChannel again = rests("10.0.0.3", "a");
        say(again, "GET ");
        assertThat(visitors.enter(from("10.0.0.4"), "a")).isFalse();
        settle(head, passedThrough, again);
        assertThat(List.of(head, passedThrough, again)).allMatch(EmbeddedChannel::isOpen);

        say(again, "/ HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(heard(again)).startsWith("HTTP/1.1 404");
        enters("10.0.0.4", "a");
        settle(head, passedThrough, again);
        assertThat(List.of(head, passedThrough)).allMatch(EmbeddedChannel::isOpen);
        assertThat(again.isOpen()).isFalse();
        assertThat(visitors.count()).isEqualTo(EACH);
    }

    /** A request that comes when its connection has been given up is not begun: the browser asks again. */
    @Test
    void aRequestThatComesTooLateIsNotServed() {
        EmbeddedChannel late = rests("10.0.0.1", "a");
        assertThat(Rest.of(late).giveUp()).isTrue();
        say(late, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); // before its loop has closed it
        assertThat(heard(late)).isEmpty();
        assertThat(late.isOpen()).isFalse();
    }

    @Test
    void anAddressMakesRoomOfItsOwn() {
        EmbeddedChannel first = rests("10.0.0.1", "a");
        EmbeddedChannel other = rests("10.0.0.2", "a");
        EmbeddedChannel second = rests("10.0.0.1", "b");
        say(second, "GET");
        enters("10.0.0.1", "b");
        settle(first, other, second);
        assertThat(first.isOpen()).isFalse();
        assertThat(other.isOpen()).isTrue();
        assertThat(second.isOpen()).isTrue();
        assertThat(visitors.enter(from("10.0.0.1"), "b")).isFalse();
    }

    @Test
    void anyoneGoesWhenAllIsTaken() {
        EmbeddedChannel first = rests("10.0.0.1", "a");
        for (int i = 2; i <= EACH; i++) {
            enters("10.0.0." + i, "a");
        }
        enters("10.0.0.4", "b");
        enters("10.0.0.5", "b");
        enters("10.0.0.6", "c");
        settle(first);
        assertThat(first.isOpen()).isFalse();
        assertThat(visitors.count()).isEqualTo(ALL);
        assertThat(visitors.enter(from("10.0.0.7"), "c")).isFalse();
    }

    @Test
    void aProxysAddressIsManys() {
        for (int i = 0; i < EACH; i++) {
            enters("198.51.100.7", "a");
        }
        assertThat(visitors.count()).isEqualTo(EACH).isGreaterThan(FROM);
    }
}
