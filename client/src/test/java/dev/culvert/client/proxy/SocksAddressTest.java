package dev.culvert.client.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** RFC 1928 section 5, and section 7 for ports of 0. */
@NullUnmarked
final class SocksAddressTest {
    @ParameterizedTest
    @CsvSource({
        "010a0100079c40, 40000",
        "01000000000000, 0",
        "03026e73ffff, 65535",
        "03000035, 53",
        "04fd7100000000000000000000000000070016, 22"
    })
    void thePortIsKnownBeforeTheAddressIsRead(String hex, int port) {
        ByteBuf in = Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump("ff" + hex + "0001"))
                .skipBytes(1);
        assertThat(SocksAddress.port(in)).isEqualTo(port);
        assertThat(in.readerIndex()).as("nothing is read").isOne();
    }
}
