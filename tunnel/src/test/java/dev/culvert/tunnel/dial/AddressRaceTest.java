package dev.culvert.tunnel.dial;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPromise;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.Ticker;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Races in frozen time; the network does what the test says. */
@NullUnmarked
class AddressRaceTest {
    private static final Duration DEADLINE = Duration.ofSeconds(15);

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final List<Attempt> attempts = new ArrayList<>();

    /** One dial, and what is made of it. */
    private static final class Attempt {
        final InetSocketAddress address;
        final EmbeddedChannel channel = new EmbeddedChannel();
        final ChannelPromise connect;
        Promise<String> finish;

        Attempt(InetSocketAddress address, EmbeddedChannel clock) {
            this.address = address;
            connect = new io.netty.channel.DefaultChannelPromise(channel, clock.eventLoop());
        }

        String host() {
            return address.getAddress().getHostAddress();
        }
    }

    private final AddressRace.Dial<String> network = new AddressRace.Dial<>() {
        @Override
        public ChannelFuture connect(InetSocketAddress address) {
            Attempt a = new Attempt(address, clock);
            attempts.add(a);
            return a.connect;
        }

        @Override
        public Future<String> finish(Channel connected) {
            Attempt a = attempts.stream()
                    .filter(x -> x.channel == connected)
                    .findFirst()
                    .orElseThrow();
            a.finish = clock.eventLoop().newPromise();
            return a.finish;
        }

        @Override
        public int weight(Throwable failure) {
            return failure instanceof ConnectException && !(failure instanceof ConnectTimeoutException) ? 1 : 0;
        }

        @Override
        public boolean decides(Throwable failure) {
            return "decided".equals(failure.getMessage());
        }
    };

    @AfterEach
    void allIsClosed() {
        clock.close();
        attempts.forEach(a -> a.channel.finishAndReleaseAll());
    }

    private Future<String> race(String... hosts) {
        List<InetSocketAddress> addresses = new ArrayList<>();
        for (String host : hosts) {
            addresses.add(new InetSocketAddress(host, 443));
        }
        return AddressRace.run(clock.eventLoop(), addresses, DEADLINE, network);
    }

    private static String[] hosts(int n) {
        return IntStream.range(0, n).mapToObj(i -> "192.0.2." + i).toArray(String[]::new);
    }

    private void pass(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        clock.runScheduledPendingTasks();
    }

    private List<String> dialled() {
        return attempts.stream().map(Attempt::host).toList();
    }

    private void connected(int i) {
        attempts.get(i).connect.setSuccess();
        clock.runPendingTasks();
    }

    private void refused(int i) {
        attempts.get(i).connect.setFailure(new ConnectException("refused " + i));
        clock.runPendingTasks();
    }

    private void finished(int i) {
        attempts.get(i).finish.setSuccess("winner " + i);
        clock.runPendingTasks();
    }

    private void spoilt(int i, String why) {
        attempts.get(i).finish.setFailure(new IOException(why));
        clock.runPendingTasks();
    }

    @Test
    void familiesTakeTurnsFromThePreferredOne() throws Exception {
        List<InetAddress> mixed = AddressRace.interleave(List.of(
                InetAddress.getByName("2001:db8::1"),
                InetAddress.getByName("2001:db8::2"),
                InetAddress.getByName("2001:db8::3"),
                InetAddress.getByName("192.0.2.1"),
                InetAddress.getByName("192.0.2.2")));
        assertThat(mixed.stream().map(InetAddress::getHostAddress))
                .containsExactly(
                        "2001:db8:0:0:0:0:0:1",
                        "192.0.2.1",
                        "2001:db8:0:0:0:0:0:2",
                        "192.0.2.2",
                        "2001:db8:0:0:0:0:0:3");
    }

    @Test
    void aSilentAddressCostsAQuarterOfASecond() {
        Future<String> race = race("2001:db8::1", "192.0.2.1");
        pass(249);
        assertThat(attempts).hasSize(1);
        pass(1);
        assertThat(attempts).hasSize(2);
        connected(1);
        finished(1);
        assertThat(race.getNow()).isEqualTo("winner 1");
        assertThat(attempts.get(0).channel.isOpen()).as("the loser is closed").isFalse();
        assertThat(attempts.get(1).channel.isOpen()).isTrue();
    }

    @Test
    void anAddressThatFailsCostsNothing() {
        Future<String> race = race("2001:db8::1", "192.0.2.1", "192.0.2.2");
        refused(0);
        assertThat(attempts).hasSize(2);
        refused(1);
        assertThat(attempts).hasSize(3);
        connected(2);
        finished(2);
        assertThat(race.isSuccess()).isTrue();
    }

    @Test
    void whatConnectsAndThenFailsDoesNotWin() {
        Future<String> race = race("192.0.2.1", "192.0.2.2");
        connected(0);
        spoilt(0, "TLS");
        assertThat(attempts.get(0).channel.isOpen()).isFalse();
        connected(1);
        finished(1);
        assertThat(race.getNow()).isEqualTo("winner 1");
    }

    /** One that accepts connections and says nothing: overtaken after a while, but it may still win. */
    @Test
    void whatConnectsAndThenIsSilentIsOvertaken() {
        Future<String> race = race("192.0.2.1", "192.0.2.2");
        connected(0);
        pass(2_499);
        assertThat(attempts)
                .as("no second connection while the first is at work")
                .hasSize(1);
        pass(1);
        assertThat(attempts).hasSize(2);
        connected(1);
        assertThat(attempts.get(1).finish).isNotNull();
        finished(0);
        assertThat(race.getNow()).isEqualTo("winner 0");
        assertThat(attempts.get(1).channel.isOpen()).isFalse();
    }

    /** Two connections in the same moment: the gateway sees one token, not two. */
    @Test
    void whatConnectsSecondWaitsForTheFirst() {
        Future<String> race = race("192.0.2.1", "192.0.2.2");
        pass(250);
        connected(1);
        connected(0);
        assertThat(attempts.get(1).finish).isNotNull();
        assertThat(attempts.get(0).finish).isNull();
        spoilt(1, "TLS");
        assertThat(attempts.get(0).finish).as("its turn").isNotNull();
        finished(0);
        assertThat(race.getNow()).isEqualTo("winner 0");
    }

    @Test
    void allFailingFailsWithWhatSaysMost() {
        Future<String> race = race("192.0.2.1", "192.0.2.2", "192.0.2.3");
        attempts.get(0).connect.setFailure(new ConnectTimeoutException("late"));
        refused(1);
        refused(2);
        assertThat(race.cause()).hasMessage("refused 1");
    }

    @Test
    void anAnswerThatDecidesEndsIt() {
        Future<String> race = race("192.0.2.1", "192.0.2.2");
        connected(0);
        spoilt(0, "decided");
        assertThat(race.cause()).hasMessage("decided");
        assertThat(attempts).hasSize(1);
    }

    @Test
    void silenceEverywhereEndsAtTheDeadline() {
        Future<String> race = race("192.0.2.1", "2001:db8::1");
        pass(14_999);
        assertThat(race.isDone()).isFalse();
        assertThat(attempts).hasSize(2);
        pass(1);
        assertThat(race.cause()).hasMessage("no answer within 15 s");
        assertThat(attempts).noneMatch(a -> a.channel.isOpen());
        assertThat(clock.runScheduledPendingTasks()).as("no timer is left").isEqualTo(-1);
    }

    @Test
    void aConnectionThatStaysSilentIsToldApart() {
        Future<String> race = race("192.0.2.1");
        connected(0);
        pass(15_000);
        assertThat(race.cause()).hasMessage("connected, but no answer within 15 s");
    }

    /** Of many black holes four are tried at once, each for a while, and all get their turn before a dial's 10 s are over. */
    @Test
    void manySilentAddressesAreBoundedAndAllTried() {
        Future<String> race = race(hosts(40));
        int most = 0;
        for (int ms = 0; ms < 10_000; ms += 50) {
            int open = (int) attempts.stream().filter(a -> a.channel.isOpen()).count();
            most = Math.max(most, open);
            pass(50);
        }
        assertThat(most).isEqualTo(AddressRace.MAX_PARALLEL);
        assertThat(dialled()).containsExactly(hosts(AddressRace.MAX_ADDRESSES));
        assertThat(race.isDone()).isFalse();
        connected(15);
        finished(15);
        assertThat(race.isSuccess()).isTrue();
        assertThat(attempts.stream().filter(a -> a.channel.isOpen())).hasSize(1);
    }

    @Test
    void manyRefusalsAreBoundedToo() {
        Future<String> race = race(hosts(40));
        for (int i = 0; i < AddressRace.MAX_ADDRESSES; i++) {
            refused(i);
        }
        assertThat(race.cause()).hasMessage("refused 0");
        assertThat(attempts).hasSize(AddressRace.MAX_ADDRESSES);
    }

    @Test
    void cancellingGivesAllUp() {
        Future<String> race = race("192.0.2.1", "192.0.2.2", "192.0.2.3");
        pass(250);
        connected(0);
        race.cancel(false);
        clock.runPendingTasks();
        assertThat(attempts).hasSize(2).noneMatch(a -> a.channel.isOpen());
        assertThat(clock.runScheduledPendingTasks()).isEqualTo(-1);
    }

    /** The winner is known; a connection that is made all the same in that moment must not stay open. */
    @Test
    void whatConnectsAfterTheEndIsClosed() {
        race("192.0.2.1", "192.0.2.2");
        pass(250);
        connected(0);
        finished(0);
        Attempt late = attempts.get(1);
        assertThat(late.connect.isCancelled() || !late.channel.isOpen()).isTrue();
        assertThat(late.finish).isNull();
    }

    @Test
    void noAddressIsAFailure() {
        assertThat(race().cause()).hasMessageContaining("no address");
    }
}
