package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tun.device.PacketCollector;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.VirtioNetHeader;
import dev.culvert.tun.fixture.FakeWintun;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A Wintun adapter beside what every device does, over a wintun.dll of ours; what is said when something is wrong with it. */
@NullUnmarked
final class WindowsTunTest {
    private static final int RING = 1 << 20;

    private int violationsBefore;
    private EventLoopGroup loop;

    @BeforeEach
    void begin() {
        violationsBefore = FakeWintun.violations();
        loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    }

    /** Whatever a test did: no session ended under its reader, none was used after its end. */
    @AfterEach
    void sessionsAreUsedAsTheyMayBe() throws Exception {
        loop.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
        assertThat(FakeWintun.violations()).isEqualTo(violationsBefore);
    }

    private static TunDevice openDevice(String name) throws TunException {
        return FakeWintun.open(TunConfig.named(name), RING);
    }

    @Test
    void anAdapterThatIsGoneIsSaidToBe() throws Exception {
        TunDevice device = openDevice("memory-gone");
        TunChannel channel = device.newChannel();
        PacketCollector collector = PacketCollector.on(loop, channel);
        FakeWintun.vanish(device.name());
        assertThat(channel.closeFuture().await(1, TimeUnit.MINUTES)).isTrue();
        assertThat(collector.failures.poll(1, TimeUnit.MINUTES))
                .hasMessage("read tun memory-gone: the end of the file is reached (Windows error 38); the adapter was"
                        + " removed or disabled, or its driver is being updated; start again");
    }

    @Test
    void aCorruptRingClosesTheChannelInWords() throws Exception {
        TunDevice device = openDevice("memory-corrupt");
        TunChannel channel = device.newChannel();
        PacketCollector collector = PacketCollector.on(loop, channel);
        FakeWintun.corrupt(device.name());
        assertThat(channel.closeFuture().await(1, TimeUnit.MINUTES)).isTrue();
        assertThat(collector.failures.poll(1, TimeUnit.MINUTES))
                .isInstanceOf(TunException.class)
                .hasMessage("read tun memory-corrupt: the data is invalid (Windows error 13); the ring of packets is"
                        + " corrupt, which Wintun does not mend; start again");
    }

    /** A reader in the ring, one that waits for packets, and one that the loop lets wait. */
    @Test
    void closesWhileItReads() throws Exception {
        for (int i = 0; i < 12; i++) {
            TunDevice device = openDevice("memory-closed" + i);
            TunChannel channel = device.newChannel();
            channel.config().setAutoRead(i % 3 != 0);
            PacketCollector.on(loop, channel);
            if (i % 3 != 1) {
                while (FakeWintun.send(device.name(), new byte[1400])) {}
            }
            channel.close().sync();
            assertThat(FakeWintun.handles(device.name())).isZero();
        }
    }

    @Test
    void anAdapterHasOneSessionAndNamesByPatternAreFree() throws Exception {
        TunDevice first = openDevice("memory%d");
        TunDevice second = openDevice("memory%d");
        assertThat(first.name()).isNotEqualTo(second.name());
        assertThatThrownBy(() -> FakeWintun.open(TunConfig.named(first.name()), RING))
                .isInstanceOf(TunException.class)
                .hasMessage("start tun " + first.name() + ": it is in use already (Windows error 1247); another process"
                        + " has it open; stop that one or choose another name");
        assertThat(FakeWintun.handles(first.name())).isEqualTo(1);
        assertThat(FakeWintun.guid(first.name())).isNotEqualTo(FakeWintun.guid(second.name()));
        byte[] guid = FakeWintun.guid(first.name());
        first.close();
        first.close();
        second.close();
        try (TunDevice again = openDevice(first.name())) {
            assertThat(FakeWintun.guid(again.name())).isEqualTo(guid).isNotEqualTo(new byte[16]);
        }
    }

    @Test
    void aRingOfAnotherSizeIsRefused() {
        assertThatThrownBy(() -> FakeWintun.open(TunConfig.named("memory-odd"), RING + 1))
                .isInstanceOf(TunException.class)
                .hasMessageContaining("start tun memory-odd: a parameter is incorrect (Windows error 87)");
        assertThat(FakeWintun.handles("memory-odd")).isZero();
    }

    /** What would be a packet for Linux, whose packets have no such bound, is dropped here. */
    @Test
    void aPacketBeyondTheLongestIsDropped() throws Exception {
        TunDevice device = openDevice("memory-long");
        TunChannel channel = device.newChannel();
        PacketCollector.on(loop, channel);
        channel.writeAndFlush(Unpooled.directBuffer().writeZero(VirtioNetHeader.LENGTH + 0x10000))
                .sync();
        assertThat(channel.stats().packetsOut()).isZero();
        assertThat(FakeWintun.receive(device.name())).isNull();
        channel.close().sync();
    }

    @Test
    void bothFamiliesGetTheMtuAndNeighboursAreNotLookedFor() throws Exception {
        try (TunDevice device = FakeWintun.open(TunConfig.named("memory-mtu").withMtu(1380), RING)) {
            assertThat(device.mtu()).isEqualTo(1380);
            assertThat(FakeWintun.ipInterface(device.name(), IpInterface.AF_INET))
                    .containsExactly(1380, 0, 0);
            assertThat(FakeWintun.ipInterface(device.name(), IpInterface.AF_INET6))
                    .containsExactly(1380, 0, 0);
        }
    }

    @Test
    void aFamilyThatIsOffIsPassedOver() throws Exception {
        try (TunDevice device = FakeWintun.open(TunConfig.named("memory-no6").withMtu(1380), RING)) {
            assertThat(device.mtu()).isEqualTo(1380);
            assertThat(FakeWintun.ipInterface(device.name(), IpInterface.AF_INET))
                    .containsExactly(1380, 0, 0);
            assertThat(FakeWintun.ipInterface(device.name(), IpInterface.AF_INET6))
                    .isNull();
        }
    }

    @Test
    void anMtuThatCannotBeSetIsWhatItIs() throws Exception {
        try (TunDevice device = FakeWintun.open(TunConfig.named("memory-fixed").withMtu(1380), RING)) {
            assertThat(device.mtu()).isEqualTo(65_535);
        }
    }
}
