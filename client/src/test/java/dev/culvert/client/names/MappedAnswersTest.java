package dev.culvert.client.names;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.MappedTable;
import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@NullUnmarked
final class MappedAnswersTest {
    private static final int A = 1;
    private static final int CNAME = 5;
    private static final int MX = 15;
    private static final int AAAA = 28;
    private static final int OPT = 41;
    private static final int RRSIG = 46;
    private static final int HTTPS = 65;
    private static final int TO_QUESTION = 0xc00c;

    private final MappedAnswers filter = new MappedAnswers(
            () -> MappedTable.of("10.77.0.0/24=office:192.168.1.0/24", "fd77::/64=office:fd00:1::/64"));

    private static byte[] address(String text) throws Exception {
        return InetAddress.getByName(text).getAddress();
    }

    private static ByteBuf name(String text) {
        ByteBuf b = Unpooled.buffer();
        for (String label : text.split("\\.")) {
            b.writeByte(label.length()).writeBytes(label.getBytes(StandardCharsets.US_ASCII));
        }
        return b.writeByte(0);
    }

    /** About {@code db.corp.example}, with the AD bit. */
    private static ByteBuf header(int answers, int authority, int additional) {
        return Unpooled.buffer()
                .writeShort(7)
                .writeShort(0x81a0)
                .writeShort(1)
                .writeShort(answers)
                .writeShort(authority)
                .writeShort(additional)
                .writeBytes(name("db.corp.example"))
                .writeShort(A)
                .writeShort(1);
    }

    private static void record(ByteBuf out, int owner, int type, int ttl, byte[] data) {
        out.writeShort(owner)
                .writeShort(type)
                .writeShort(1)
                .writeInt(ttl)
                .writeShort(data.length)
                .writeBytes(data);
    }

    private ByteBuf shown(String agent, ByteBuf answer) {
        ByteBuf in = Unpooled.buffer()
                .writeZero(3)
                .writeBytes(answer.duplicate())
                .skipBytes(3); // a message is part of a buffer
        return filter.answered(agent, DnsMessage.read(in), in);
    }

    @Test
    void addressesAreThoseThatAreSeenHereAndNothingElseMoves() throws Exception {
        ByteBuf said = header(4, 1, 2);
        ByteBuf wanted = header(4, 1, 2);
        wanted.setByte(3, 0x80);
        for (ByteBuf b : new ByteBuf[] {said, wanted}) {
            boolean own = b == said;
            record(b, TO_QUESTION, CNAME, 60, new byte[] {2, 'd', '2', (byte) 0xc0, 15});
            record(b, 0xc02d, A, 300, address(own ? "192.168.1.5" : "10.77.0.5"));
            record(b, 0xc02d, A, 300, address("192.168.2.5"));
            record(b, 0xc02d, RRSIG, 300, new byte[24]);
            record(b, 0xc00f, MX, 30, new byte[] {0, 10, (byte) 0xc0, 12});
            record(b, TO_QUESTION, AAAA, 1, address(own ? "fd00:1::9" : "fd77::9"));
            b.writeByte(0).writeShort(OPT).writeShort(1232).writeInt(0).writeShort(0);
        }
        assertThat(ByteBufUtil.hexDump(shown("office", said))).isEqualTo(ByteBufUtil.hexDump(wanted));
    }

    @Test
    void whatIsOfNoMapIsGivenOnAsItIs() throws Exception {
        ByteBuf answer = header(2, 0, 0);
        record(answer, TO_QUESTION, A, 300, address("192.168.2.5"));
        record(answer, TO_QUESTION, AAAA, 300, address("fd00:2::5"));
        String before = ByteBufUtil.hexDump(answer);
        assertThat(ByteBufUtil.hexDump(shown("office", answer))).as("AD too").isEqualTo(before);
        ByteBuf others = header(1, 0, 0);
        record(others, TO_QUESTION, A, 300, address("192.168.1.5"));
        before = ByteBufUtil.hexDump(others);
        assertThat(ByteBufUtil.hexDump(shown("plant", others)))
                .as("another agent's")
                .isEqualTo(before);
        assertThat(ByteBufUtil.hexDump(shown("office", others))).isNotEqualTo(before);
    }

    @Test
    void hintsOfServicesAreShownToo() throws Exception {
        ByteBuf answer = header(1, 0, 0);
        ByteBuf data = Unpooled.buffer().writeShort(1).writeBytes(name("svc.corp.example"));
        data.writeShort(1).writeShort(3).writeBytes(new byte[] {2, 'h', '2'});
        data.writeShort(4).writeShort(8).writeBytes(address("192.168.1.7")).writeBytes(address("203.0.113.1"));
        data.writeShort(6).writeShort(16).writeBytes(address("fd00:1::7"));
        record(answer, TO_QUESTION, HTTPS, 300, ByteBufUtil.getBytes(data));
        byte[] out = ByteBufUtil.getBytes(shown("office", answer));
        assertThat(ByteBufUtil.hexDump(out))
                .contains("00040008" + "0a4d0007" + "cb007101" + "00060010" + ByteBufUtil.hexDump(address("fd77::7")));
        assertThat(out[3]).isEqualTo((byte) 0x80);
    }

    @Test
    void namesOfShownAddressesAreThoseOfTheNetworksOwn() {
        assertThat(filter.domainThere("office", "0.77.10.in-addr.arpa")).isEqualTo("1.168.192.in-addr.arpa");
        assertThat(filter.domainThere("office", "5.0.77.10.in-addr.arpa")).isEqualTo("5.1.168.192.in-addr.arpa");
        assertThat(filter.domainThere("office", "0.0.0.0.0.0.0.0.7.7.d.f.ip6.arpa"))
                .as("wider than the map")
                .isNull();
        assertThat(filter.domainThere("office", "0.0.0.0.0.0.0.0.0.0.0.0.7.7.d.f.ip6.arpa"))
                .isEqualTo("0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa");
        assertThat(filter.domainThere("plant", "0.77.10.in-addr.arpa")).isNull();
        assertThat(filter.domainThere("office", "1.77.10.in-addr.arpa")).isNull();
        assertThat(filter.domainThere("office", "corp.example")).isNull();
    }

    /** Cut anywhere: no exception, and nothing outside of the message is touched. */
    @Test
    void anAnswerThatIsCutShortHarmsNothing() throws Exception {
        ByteBuf answer = header(3, 0, 0);
        ByteBuf data = Unpooled.buffer()
                .writeShort(1)
                .writeByte(0)
                .writeShort(4)
                .writeShort(4)
                .writeBytes(address("192.168.1.7"));
        record(answer, TO_QUESTION, HTTPS, 300, ByteBufUtil.getBytes(data));
        record(answer, TO_QUESTION, A, 300, address("192.168.1.5"));
        record(answer, TO_QUESTION, AAAA, 300, address("fd00:1::5"));
        byte[] whole = ByteBufUtil.getBytes(answer);
        DnsMessage question = DnsMessage.read(answer);
        for (int length = question.questionEnd(); length <= whole.length; length++) {
            ByteBuf behind = Unpooled.buffer().writeBytes(whole, 0, length).writeZero(64);
            ByteBuf message = behind.slice(0, length);
            filter.answered("office", question, message);
            assertThat(ByteBufUtil.getBytes(behind, length, 64)).containsOnly(0);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void rubbishBehindTheQuestionHarmsNothing(int seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 5_000; i++) {
            ByteBuf answer = header(random.nextInt(4), random.nextInt(4), random.nextInt(0x10000));
            byte[] rubbish = new byte[random.nextInt(80)];
            random.nextBytes(rubbish);
            answer.writeBytes(rubbish);
            int length = answer.readableBytes();
            assertThat(shown("office", answer).readableBytes()).isEqualTo(length);
        }
    }
}
