package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Places at the port, and who loses one to whom. */
@NullUnmarked
final class StrangersTest {
    private final AtomicLong time = new AtomicLong(Long.MAX_VALUE - 100);
    private final Strangers strangers = new Strangers(time::get, false);
    private final List<String> ended = new ArrayList<>();

    private Strangers.Stranger enter(String from) throws Exception {
        return strangers.enter(InetAddress.getByName(from), () -> ended.add(from));
    }

    private int enter(int times, String network) throws Exception {
        int in = 0;
        for (int i = 0; i < times; i++) {
            in += enter(network.formatted(i)) != null ? 1 : 0;
        }
        return in;
    }

    private static int places(long bytes) {
        return (int) (bytes / Strangers.CONNECTION);
    }

    @Test
    void anAddressHasItsShareAndItsNeighboursTheirs() throws Exception {
        assertThat(enter(1_000, "192.0.2.1")).isEqualTo(places(Strangers.NARROW));
        assertThat(enter("192.0.2.2")).isNotNull();
        assertThat(enter(1_000, "2001:db8::%x")).isEqualTo(places(Strangers.NARROW));
        assertThat(enter("2001:db8:0:1::1")).isNotNull();
        assertThat(ended).isEmpty();
    }

    @Test
    void whoHasManyNarrowNetworksHasAWideOneToo() throws Exception {
        assertThat(enter(8_192, "2001:db8:1:%x::1")).isEqualTo(places(Strangers.WIDE));
        assertThat(enter(256 * 16, "2001:db8:2:1%x::1")).isEqualTo(places(Strangers.WIDE));
        Strangers one = new Strangers(time::get, false);
        int in = 0;
        for (int i = 0; i < 8_192; i++) { // a /58, as in the attack: 64 of a /64
            InetAddress from = InetAddress.getByName("2001:db8:3:%x::%x".formatted(i % 64, i));
            in += one.enter(from, () -> {}) != null ? 1 : 0;
        }
        assertThat(in).isEqualTo(places(Strangers.MIDDLE));
        assertThat(one.enter(InetAddress.getByName("198.51.100.1"), () -> {})).isNotNull();
    }

    @Test
    void whenAllIsTakenTheOldestOfTheLargestNetworkGoes() throws Exception {
        for (int net = 0; net < 3; net++) {
            assertThat(enter(2_048, "2001:db8:" + (net + 1) + ":%x::1")).isEqualTo(2_048);
        }
        assertThat(enter(2_047, "2001:db8:9:%x::1")).isEqualTo(2_047);
        assertThat(enter("198.51.100.1")).isNotNull();
        assertThat(strangers.bytes()).isEqualTo(Strangers.ALL);
        assertThat(enter("203.0.113.1")).isNotNull();
        assertThat(strangers.bytes()).isEqualTo(Strangers.ALL);
        assertThat(ended).hasSize(1).allMatch(s -> s.matches("2001:db8:[123]:0::1"));
        assertThat(strangers.evicted()).isOne();
        // One that takes more when all is taken is no better than one that comes.
        Strangers.Stranger kept = enter("203.0.113.2");
        assertThat(kept.costs(20_000)).isTrue();
        assertThat(strangers.bytes()).isLessThanOrEqualTo(Strangers.ALL);
        assertThat(ended).hasSize(3).noneMatch(s -> s.contains("."));
    }

    @Test
    void inOneNetworkTheNewcomerWaitsUntilTheOldestHasHadItsTime() throws Exception {
        enter(128, "192.0.2.1");
        assertThat(enter("192.0.2.1")).isNull();
        time.addAndGet(Strangers.GRACE.toNanos());
        assertThat(enter("192.0.2.1")).isNotNull();
        assertThat(ended).hasSize(1);
    }

    /** Whom the gateway has not yet served is not late. */
    @Test
    void whoWaitsForTheGatewayKeepsItsPlace() throws Exception {
        List<Strangers.Stranger> all = new ArrayList<>();
        for (int i = 0; i < 128; i++) {
            all.add(enter("192.0.2.1"));
        }
        all.forEach(Strangers.Stranger::waits);
        time.addAndGet(Strangers.GRACE.toNanos());
        assertThat(enter("192.0.2.1")).isNull();
        all.forEach(Strangers.Stranger::served);
        assertThat(enter("192.0.2.1")).isNull();
        time.addAndGet(Strangers.GRACE.toNanos());
        assertThat(enter("192.0.2.1")).isNotNull();
        assertThat(ended).hasSize(1);
    }

    /** One that waits, or that says something now and then, keeps no places for those behind it. */
    @Test
    void whoIsServedAtOnceHasNoMoreTimeThanOthers() throws Exception {
        Strangers.Stranger drips = enter("192.0.2.1");
        enter(127, "192.0.2.1");
        drips.waits();
        time.addAndGet(Strangers.GRACE.toNanos());
        assertThat(enter("192.0.2.1")).as("another makes room").isNotNull();
        drips.served();
        for (int i = 0; i < 8; i++) {
            time.addAndGet(Strangers.GRACE.toNanos() / 8);
            drips.waits();
            drips.served();
        }
        Strangers.Stranger gone = drips;
        for (int i = 0; i < 127; i++) {
            assertThat(enter("192.0.2.1")).isNotNull();
        }
        assertThat(gone.costs(0)).as("it has lost its place").isFalse();
    }

    /** Ten thousand, each from a network of its own: who has waited longest is served next, and shall not go for who comes last. */
    @Test
    void whereNobodyHasManyTheOldestGoesOnceItWasServed() throws Exception {
        Strangers.Stranger first = enter("10.0.0.1");
        first.waits();
        for (int i = 1; i < places(Strangers.ALL); i++) {
            assertThat(enter("10.%d.%d.1".formatted(i / 256, i % 256))).isNotNull();
        }
        assertThat(enter("11.0.0.1")).isNotNull();
        assertThat(ended).as("the oldest that is silent").containsExactly("10.0.1.1");
        first.served();
        assertThat(enter("11.0.0.2")).isNotNull();
        assertThat(ended).containsExactly("10.0.1.1", "10.0.0.1");
    }

    @Test
    void whatWasTakenComesBackOnce() throws Exception {
        Strangers.Stranger one = enter("192.0.2.1");
        assertThat(one.costs(1_000)).isTrue();
        assertThat(one.costs(0)).isTrue();
        assertThat(strangers.bytes()).isEqualTo(Strangers.CONNECTION);
        one.leave();
        one.leave();
        assertThat(strangers.bytes()).isZero();
        assertThat(one.costs(1_000)).isFalse();
        assertThat(strangers.bytes()).isZero();
        Strangers.Stranger two = enter("192.0.2.1");
        assertThat(strangers.close()).isOne();
        assertThat(enter("192.0.2.1")).as("while memory is short").isNull();
        strangers.open();
        two.leave();
        assertThat(strangers.bytes()).isZero();
        assertThat(strangers.count()).isZero();
    }

    @Test
    void behindAProxyOnlyAllIsBounded() throws Exception {
        Strangers proxied = new Strangers(time::get, true);
        int in = 0;
        for (int i = 0; i < 10_000; i++) {
            in += proxied.enter(InetAddress.getByName("127.0.0.1"), () -> {}) != null ? 1 : 0;
        }
        assertThat(in).isEqualTo(places(Strangers.ALL));
    }

    /** Nobody is refused for the others there; when there is no room at all they are the largest network. */
    @Test
    void ofASharedAddressAsManyComeAsThereIsRoomFor() throws Exception {
        InetAddress proxy = InetAddress.getByName("192.0.2.1");
        Strangers behind = new Strangers(time::get, false, proxy::equals);
        List<Strangers.Stranger> in = new ArrayList<>();
        for (int i = 0; i < 8_192; i++) {
            in.add(behind.enter(proxy, () -> ended.add("proxy")));
        }
        assertThat(in).doesNotContainNull();
        assertThat(behind.bytes()).isEqualTo(Strangers.ALL);
        assertThat(behind.enter(proxy, () -> {})).isNull();
        for (int i = 0; i < 3; i++) {
            assertThat(behind.enter(InetAddress.getByName("203.0.113.1"), () -> ended.add("other")))
                    .isNotNull();
        }
        assertThat(ended).containsExactly("proxy", "proxy", "proxy");
        assertThat(behind.enter(proxy, () -> {})).isNull();
        time.addAndGet(Strangers.GRACE.toNanos());
        assertThat(behind.enter(proxy, () -> {}))
                .as("the oldest has had its time")
                .isNotNull();
        assertThat(ended).hasSize(4).endsWith("proxy");
        assertThat(behind.bytes()).isEqualTo(Strangers.ALL);
        behind.close();
        assertThat(behind.bytes()).isZero();
    }
}
