package dev.culvert.tun.device;

import dev.culvert.tun.fixture.FarEnd;
import dev.culvert.tun.fixture.MemoryRing;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;

/** The channel over rings in memory, on an event loop that knows nothing of them. */
final class RingTunChannelTest extends TunChannelContract {
    @Override
    protected FarEnd open() {
        return new MemoryRing("ring0");
    }

    @Override
    protected EventLoopGroup newLoop() {
        return new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    }
}
