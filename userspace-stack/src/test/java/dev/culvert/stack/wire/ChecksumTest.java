package dev.culvert.stack.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ChecksumTest {
    /** RFC 1071 as it stands on the page: 16-bit words, one by one. */
    private static int plain(byte[] bytes, int from, int length) {
        long sum = 0;
        for (int i = 0; i < length; i += 2) {
            sum += (bytes[from + i] & 0xff) << 8 | (i + 1 < length ? bytes[from + i + 1] & 0xff : 0);
        }
        while (sum >>> 16 != 0) {
            sum = (sum >>> 16) + (sum & 0xffff);
        }
        return (int) sum;
    }

    @Test
    void agreesWithThePlainSumOnRandomBytes() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int run = 0; run < 2000; run++) {
            byte[] bytes = new byte[random.nextInt(300)];
            random.nextBytes(bytes);
            if (run % 5 == 0) {
                java.util.Arrays.fill(bytes, (byte) 0xff);
            }
            int from = random.nextInt(bytes.length + 1);
            int length = bytes.length - from;
            ByteBuf direct = Unpooled.directBuffer().writeBytes(bytes);
            try {
                assertThat(Checksum.fold(Checksum.sum(direct, from, length)))
                        .as("seed=%d run=%d", seed, run)
                        .isEqualTo(plain(bytes, from, length));
            } finally {
                direct.release();
            }
        }
    }

    @Test
    void partsJoinToTheWholeAlsoAtOddOffsets() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int run = 0; run < 2000; run++) {
            byte[] bytes = new byte[1 + random.nextInt(200)];
            random.nextBytes(bytes);
            int cut = random.nextInt(bytes.length + 1);
            ByteBuf buffer = Unpooled.wrappedBuffer(bytes);
            long first = Checksum.sum(buffer, 0, cut);
            long second = Checksum.sum(buffer, cut, bytes.length - cut);
            if ((cut & 1) != 0) {
                second = Checksum.swap(second);
            }
            assertThat(Checksum.finish(Checksum.add(first, second)))
                    .as("seed=%d run=%d", seed, run)
                    .isEqualTo(~plain(bytes, 0, bytes.length) & 0xffff);
        }
    }

    @Test
    void incrementalUpdateEqualsComputingAgain() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int run = 0; run < 2000; run++) {
            byte[] bytes = new byte[40];
            random.nextBytes(bytes);
            int before = ~plain(bytes, 0, 40) & 0xffff;
            int at = random.nextInt(20) * 2;
            int old = (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
            int fresh = random.nextInt(0x10000);
            bytes[at] = (byte) (fresh >>> 8);
            bytes[at + 1] = (byte) fresh;
            assertThat(Checksum.update(before, old, fresh))
                    .as("seed=%d run=%d", seed, run)
                    .isEqualTo(~plain(bytes, 0, 40) & 0xffff);
        }
    }

    @Test
    void acceptsAHeaderThatAnotherStackMade() {
        // The widely published worked example of an IPv4 header checksum: b861.
        ByteBuf header = Unpooled.wrappedBuffer(new byte[] {
            0x45,
            0,
            0,
            0x73,
            0,
            0,
            0x40,
            0,
            0x40,
            0x11,
            (byte) 0xb8,
            0x61,
            (byte) 0xc0,
            (byte) 0xa8,
            0,
            1,
            (byte) 0xc0,
            (byte) 0xa8,
            0,
            (byte) 0xc7
        });
        assertThat(Ipv4.isChecksumValid(header, 0)).isTrue();
        Ipv4.setChecksum(header, 0);
        assertThat(Ipv4.checksum(header, 0)).isEqualTo(0xb861);
        header.setByte(8, 63);
        assertThat(Ipv4.isChecksumValid(header, 0)).isFalse();
        header.setShort(10, Checksum.update(0xb861, 0x4011, 0x3f11));
        assertThat(Ipv4.isChecksumValid(header, 0)).isTrue();
    }
}
