package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

/** Packets are written without a promise of their own, so what becomes of them is told to the pipeline. */
class PacketsAtTheEndTest {
    @Test
    void whatWaitsForTheInterfaceWhenItIsClosedIsLostWithoutAWord() {
        EmbeddedChannel tun = new EmbeddedChannel(new TunSession.Gone());
        tun.write(Unpooled.wrappedBuffer(new byte[40]), tun.voidPromise());
        tun.close();
        tun.checkException(); // throws what has reached the end of the pipeline, where Netty would log it
        assertThat(tun.isOpen()).isFalse();
    }

    @Test
    void whatElseGoesWrongIsTold() {
        EmbeddedChannel tun = new EmbeddedChannel(new TunSession.Gone());
        tun.pipeline().fireExceptionCaught(new IllegalStateException("a bug"));
        assertThatThrownBy(tun::checkException).hasMessage("a bug");
        tun.close();
    }
}
