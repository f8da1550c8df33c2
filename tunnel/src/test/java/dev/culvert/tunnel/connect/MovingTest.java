package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FakeGateway;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A gateway says that it is about to stop, and there is another: make before break, in frozen time. */
@NullUnmarked
class MovingTest extends FrozenKeeper {
    private LinkKeeper keeper;
    private RawPeer first;

    @BeforeEach
    void begin() {
        version = 2;
        int before = gateway.dials.size();
        keeper = keeper(new OpenedFlows(clock.eventLoop(), flows -> {}), gateway, other);
        start(keeper);
        first = gateway.accept(before, version);
        settle();
        pass(2_000);
        speak();
    }

    private void speak() {
        first.sendFrame(Frame.PONG, 0, 0, new byte[8]);
        settle();
    }

    private void drain(Duration spread, String... gateways) {
        Drain drain = new Drain("shutting down", spread, List.of(gateways));
        ByteBuf payload = drain.payload(version);
        first.sendFrame(Frame.DRAIN, drain.flags(version), 0, ByteBufUtil.getBytes(payload));
        payload.release();
        settle();
    }

    @Test
    void theOtherIsThereBeforeTheFirstIsLeft() {
        drain(Duration.ZERO);
        pass(0);
        assertThat(other.dials).hasSize(1);
        speak(); // whatever it says, it goes
        pass(100);
        assertThat(first.channel.isOpen()).isTrue();
        assertThat(events.downs).isEmpty();
        EmbeddedChannel second = accept(other, 0);
        assertThat(events.ups).isEqualTo(2);
        assertThat(events.downs).containsExactly("the gateway is stopping, and another takes its place");
        assertThat(events.waits).as("nothing is waited for").isEmpty();
        assertThat(first.channel.isOpen()).isFalse();
        assertThat(second.isOpen()).isTrue();
        assertThat(other.peers.get(0).takeFrames().stream().map(WebSocketMessage::type))
                .contains(Frame.SESSION);
        pass(2_000);
        assertThat(gateway.dials).hasSize(1);
    }

    /** Of those that the token names; what it does not is nobody to go to. */
    @Test
    void oneThatIsSaidToBeThereIsTriedFirst() {
        keeper.stop("another one's turn");
        settle();
        FakeGateway third = new FakeGateway(ticker, URI.create("wss://third.example:443"));
        int before = gateway.dials.size();
        keeper = keeper(new OpenedFlows(clock.eventLoop(), flows -> {}), gateway, third, other);
        start(keeper);
        first = gateway.accept(before, version);
        settle();
        drain(Duration.ZERO, "wss://evil.example:443", "wss://other.example:443");
        pass(0);
        assertThat(other.dials).hasSize(1);
        assertThat(third.dials).isEmpty();
        fail(other);
        pass(1_000);
        assertThat(third.dials)
                .as("those that nothing is said of come behind it")
                .hasSize(1);
        third.close();
    }

    @Test
    void eachAtAMomentOfItsOwn() {
        List<Integer> seconds = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            int before = other.dials.size();
            drain(Duration.ofSeconds(20));
            int moved = -1;
            for (int second = 0; second <= 20; second++) {
                pass(1_000);
                speak();
                if (moved < 0 && other.dials.size() > before) {
                    moved = second;
                }
            }
            seconds.add(moved);
            keeper.stop("the next one's turn");
            settle();
            begin();
        }
        assertThat(seconds).allMatch(second -> second >= 0);
        assertThat(Collections.max(seconds) - Collections.min(seconds))
                .as("spread: %s", seconds)
                .isGreaterThan(2);
    }

    /** Its moment was chosen already: no second spread without a link. */
    @Test
    void whenTheLinkEndsFirstTheMomentStays() {
        drain(Duration.ofSeconds(20));
        first.send(first.message(
                0x88, ByteBuffer.allocate(2).putShort((short) Link.CLOSE_GOING).array()));
        settle();
        assertThat(events.downs).hasSize(1);
        for (int second = 0; second <= 20; second++) {
            pass(1_000);
        }
        assertThat(other.dials).as("within the first").isNotEmpty();
    }

    /** Two that take links and end them: back-off is for those. */
    @Test
    void gatewaysThatEndLinkAfterLinkAreNotStormed() {
        EmbeddedChannel link = first.channel;
        List<FakeGateway> both = List.of(gateway, other);
        int ended = 0;
        for (int tenth = 0; tenth < 1_200; tenth++) {
            if (!link.isOpen() || tenth % 11 == 10) {
                link.close();
                settle();
            }
            pass(100);
            for (FakeGateway one : both) {
                int last = one.dials.size() - 1;
                if (last >= 0 && !one.dials.get(last).isDone()) {
                    link = accept(one, last);
                    ended++;
                }
            }
        }
        assertThat(ended).as("links in two minutes").isBetween(10, 60);
    }

    @Test
    void theOneThatGoesIsNotTriedMeanwhile() {
        drain(Duration.ZERO);
        pass(0);
        for (int i = 0; i < 4; i++) {
            fail(other);
            for (int step = 0; step < 80 && other.dials.size() == i + 1; step++) {
                pass(100);
                speak();
            }
        }
        assertThat(other.dials).hasSize(5);
        assertThat(gateway.dials).hasSize(1);
        assertThat(events.downs).isEmpty();
        assertThat(events.waits)
                .as("of no concern to anybody while the link is there")
                .isEmpty();
    }

    /** It may be back first. */
    @Test
    void whenTheLinkEndsBeforeAnotherTakesItBothAreTried() {
        drain(Duration.ZERO);
        pass(0);
        fail(other);
        first.send(first.message(
                0x88, ByteBuffer.allocate(2).putShort((short) Link.CLOSE_GOING).array()));
        settle();
        assertThat(events.downs).hasSize(1);
        pass(events.lastWait());
        assertThat(gateway.dials).as("the other was tried a moment ago").hasSize(2);
        fail(gateway);
        pass(200);
        assertThat(other.dials).hasSize(2);
        accept(other, 1);
        assertThat(events.ups).isEqualTo(2);
    }

    /** It is started again, while the other is dead without a word: no 15 s are spent on that one. */
    @Test
    void whenTheOtherIsSilentTheOneThatWentIsTriedAsSoonAsItMayBeBack() {
        drain(Duration.ZERO);
        for (int step = 0; step < 56 && other.dials.size() < 2; step++) {
            pass(100);
            speak();
        }
        assertThat(other.dials)
                .as("given up after five seconds, and tried again")
                .hasSize(2);
        first.send(first.message(
                0x88, ByteBuffer.allocate(2).putShort((short) Link.CLOSE_GOING).array()));
        settle();
        assertThat(events.downs).hasSize(1);
        pass(events.lastWait());
        assertThat(gateway.dials).hasSize(2);
        accept(gateway, 1);
        assertThat(events.ups).isEqualTo(2);
        pass(20_000);
        assertThat(other.dials).as("of no interest any more").hasSize(2);
    }

    /** Should it not be back, the other has its five seconds again, and so on. */
    @Test
    void noneOfTwoThatAreSilentIsGivenAllOfTheTime() {
        drain(Duration.ZERO);
        for (int step = 0; step < 56 && other.dials.size() < 2; step++) {
            pass(100);
            speak();
        }
        first.channel.close();
        settle();
        pass(events.lastWait());
        assertThat(gateway.dials).hasSize(2);
        for (int step = 0; step < 60 && other.dials.size() < 3; step++) {
            pass(100);
        }
        assertThat(other.dials).hasSize(3);
    }

    /** Flows would end with it. */
    @Test
    void ofVersionOneNothingMoves() {
        drain(Duration.ZERO);
        pass(0);
        version = 1;
        EmbeddedChannel second = accept(other, 0);
        pass(1_500);
        assertThat(second.isOpen()).isFalse();
        assertThat(first.channel.isOpen()).isTrue();
        assertThat(events.downs).isEmpty();
    }

    @Test
    void theNextLinkKnowsNothingOfIt() {
        drain(Duration.ZERO);
        pass(0);
        EmbeddedChannel second = accept(other, 0);
        pass(1_000);
        second.close();
        settle();
        pass(events.lastWait());
        assertThat(gateway.dials).as("the first is another now").hasSize(2);
    }

    /** It goes to the better one, at a moment of its own. */
    private void untilTried(int dials) {
        for (long ms = 0; ms <= LinkKeeper.CHANGE.toMillis() && other.dials.size() < dials; ms += 100) {
            pass(100);
            speak();
        }
        assertThat(other.dials).hasSize(dials);
    }

    @Test
    void toABetterGatewayItGoesBesideTheFirst() {
        assertThat(keeper.change(List.of(URI.create("wss://unknown.test"), gateway.gateway())))
                .as("none that it knows, or its own")
                .isNull();
        assertThat(keeper.change(List.of(other.gateway()))).isEqualTo(other.gateway());
        assertThat(keeper.change(List.of(other.gateway())))
                .as("it is on its way")
                .isNull();
        untilTried(1);
        assertThat(other.dials).hasSize(1);
        assertThat(events.downs).isEmpty();
        accept(other, 0);
        assertThat(events.ups).isEqualTo(2);
        assertThat(events.downs).containsExactly("another gateway has more of the agents, and takes its place");
        assertThat(events.waits).isEmpty();
        assertThat(first.channel.isOpen()).isFalse();
        assertThat(keeper.gateway()).isEqualTo(other.gateway());
    }

    @Test
    void whereTheBetterOneCannotBeReachedItStays() {
        keeper.change(List.of(other.gateway()));
        untilTried(1);
        fail(other);
        for (int second = 0; second < 20; second++) {
            pass(1_000);
            speak();
        }
        assertThat(other.dials).as("tried once").hasSize(1);
        assertThat(events.downs).isEmpty();
        assertThat(events.waits).isEmpty();
        assertThat(first.channel.isOpen()).isTrue();
        assertThat(keeper.change(List.of(other.gateway())))
                .as("and again when it is told so")
                .isNotNull();
        untilTried(2);
        accept(other, 1);
        assertThat(events.ups).isEqualTo(2);
    }

    /** Then it has to go. */
    @Test
    void whenTheFirstIsStoppedMeanwhileItDoesNotStay() {
        keeper.change(List.of(other.gateway()));
        untilTried(1);
        drain(Duration.ZERO);
        fail(other);
        passing(Duration.ofSeconds(20));
        assertThat(other.dials.size()).isGreaterThan(1);
        assertThat(gateway.dials).hasSize(1);
    }

    /** One that does not answer, which is what a better one may be as well, must not stand in the way of what has to be done. */
    @Test
    void whenTheFirstIsLostMeanwhileAllAreTriedAsEver() {
        keeper.change(List.of(other.gateway()));
        untilTried(1);
        assertThat(other.dials).hasSize(1);
        first.channel.close();
        settle();
        assertThat(events.downs).hasSize(1);
        pass(events.lastWait());
        assertThat(other.dials).hasSize(2);
        for (int step = 0; step < 60 && gateway.dials.size() < 2; step++) {
            pass(100);
        }
        assertThat(gateway.dials).as("after five seconds").hasSize(2);
        accept(gateway, 1);
        assertThat(events.ups).isEqualTo(2);
    }

    @Test
    void whereTheBetterOneSaysNothingItStays() {
        keeper.change(List.of(other.gateway()));
        untilTried(1);
        for (int step = 0; step < 60; step++) {
            pass(100);
            speak();
        }
        assertThat(other.dials).hasSize(1);
        assertThat(other.dials.get(0).isCancelled()).isTrue();
        assertThat(keeper.change(List.of(other.gateway())))
                .as("it is as it was before")
                .isNotNull();
    }

    @Test
    void whenTheFirstIsSilentMeanwhileItIsLeftAsEver() {
        keeper.change(List.of(other.gateway()));
        untilTried(1);
        for (int step = 0; step < 50 && other.dials.size() < 2; step++) {
            pass(100);
        }
        assertThat(other.dials.size()).isGreaterThan(1);
        accept(other, other.dials.size() - 1);
        assertThat(events.ups).isEqualTo(2);
        assertThat(events.downs).singleElement().asString().startsWith("nothing heard any more");
    }

    @Test
    void whenTheFirstIsLostBeforeItHasBegunAllAreTried() {
        keeper.change(List.of(other.gateway()));
        first.channel.close();
        settle();
        assertThat(events.downs).hasSize(1);
        pass(events.lastWait());
        assertThat(other.dials.size() + gateway.dials.size()).isEqualTo(2);
    }

    /** The holder takes its time: it writes to a disk. */
    @Test
    void aTokenThatIsHandedOverIsAnsweredWhenItsHolderHasIt() {
        first.takeFrames();
        first.sendFrame(Frame.RENEWED, 0, 0, "a.b.c".getBytes(StandardCharsets.US_ASCII));
        first.sendFrame(Frame.RENEWED, 0, 0, new byte[20_000]);
        settle();
        assertThat(gateway.offers).as("one that no token is as long as is none").containsExactly("a.b.c");
        assertThat(first.takeFrames()).noneMatch(frame -> frame.type() == Frame.RENEWED);
        gateway.taken.complete("its-id");
        settle();
        assertThat(first.takeFrames()).anyMatch(frame -> frame.type() == Frame.RENEWED);
        assertThat(first.channel.isOpen()).isTrue();
    }

    private void passing(Duration time) {
        for (long tenth = 0; tenth < time.toMillis() / 100; tenth++) {
            pass(100);
            if (first.channel.isOpen()) {
                speak();
            }
        }
    }
}
