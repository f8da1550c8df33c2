package dev.culvert.tun.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.fixture.FakeWintun;
import dev.culvert.tun.fixture.FarEnd;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/** The classes for Windows over a wintun.dll of ours, which counts what must not be done to a session. */
@NullUnmarked
final class WintunChannelTest extends TunChannelContract {
    /** Less than the tests write at once. */
    private static final int RING = 1 << 20;

    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final int violationsBefore = FakeWintun.violations();

    /** Closes count as handles given back: an adapter has one. */
    private record Adapter(TunDevice device) implements FarEnd {
        @Override
        public boolean send(byte[] packet) {
            return FakeWintun.send(device.name(), packet);
        }

        @Override
        public byte @Nullable [] receive() {
            return FakeWintun.receive(device.name());
        }

        @Override
        public int closes() {
            return 1 - FakeWintun.handles(device.name());
        }

        @Override
        public void vanish() {
            FakeWintun.vanish(device.name());
        }

        @Override
        public void end() {}
    }

    @Override
    protected FarEnd open() {
        try {
            return new Adapter(FakeWintun.open(TunConfig.named("memory" + NUMBER.incrementAndGet()), RING));
        } catch (TunException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    protected EventLoopGroup newLoop() {
        return new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    }

    /** Whatever a test did: no session ended under its reader, none was used after its end. */
    @AfterEach
    void sessionsAreUsedAsTheyMayBe() {
        assertThat(FakeWintun.violations()).isEqualTo(violationsBefore);
    }
}
