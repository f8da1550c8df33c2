package dev.culvert.client.names;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.DnsBytes;
import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Names of 10.77.0.0/24 asked as those of 192.168.1.0/24, and answered as they were asked. */
@NullUnmarked
final class RenamingTest {
    private static final int PTR = 12;
    private static final int NS = 2;
    private static final int CNAME = 5;
    private static final int SOA = 6;
    private static final int TXT = 16;
    private static final String SHOWN = "0.77.10.in-addr.arpa";
    private static final String OWN = "1.168.192.in-addr.arpa";

    private final Renaming there = new Renaming(SHOWN, OWN);
    private final Renaming back = new Renaming(OWN, SHOWN);

    private static ByteBuf name(String text) {
        ByteBuf b = Unpooled.buffer();
        for (String label : text.split("\\.")) {
            b.writeByte(label.length()).writeBytes(label.getBytes(StandardCharsets.US_ASCII));
        }
        return b.writeByte(0);
    }

    private static void record(ByteBuf out, ByteBuf owner, int type, ByteBuf data) {
        out.writeBytes(owner)
                .writeShort(type)
                .writeShort(1)
                .writeInt(300)
                .writeShort(data.readableBytes())
                .writeBytes(data);
    }

    private static ByteBuf pointer(int to) {
        return Unpooled.buffer().writeShort(0xc000 | to);
    }

    @Test
    void aQuestionIsAskedUnderTheOtherName() {
        ByteBuf message = Unpooled.wrappedBuffer(DnsBytes.question(7, "5.0.77.10.IN-ADDR.arpa", PTR, 1_232));
        ByteBuf asked = there.question(message, DnsMessage.read(message));
        assertThat(ByteBufUtil.getBytes(asked)).isEqualTo(DnsBytes.question(7, "5." + OWN, PTR, 1_232));
        ByteBuf other = Unpooled.wrappedBuffer(DnsBytes.question(7, "5.10.77.10.in-addr.arpa", PTR));
        assertThat(there.question(other, DnsMessage.read(other)))
                .as("in none of the two")
                .isEqualTo(other);
        asked.release();
    }

    @Test
    void anAnswerIsToWhatWasAskedWhateverItsNamesPointTo() {
        ByteBuf message = Unpooled.wrappedBuffer(DnsBytes.question(7, "5.0.77.10.IN-addr.arpa", PTR));
        DnsMessage question = DnsMessage.read(message);
        ByteBuf answer = Unpooled.buffer().writeZero(3).skipBytes(3); // a message is part of a buffer
        answer.writeShort(7)
                .writeShort(0x81a0)
                .writeShort(1)
                .writeShort(2)
                .writeShort(2)
                .writeShort(1);
        answer.writeBytes(name("5." + OWN)).writeShort(PTR).writeShort(1);
        int end = answer.readableBytes();
        int zone = 14; // behind the header and the first label
        // RFC 2317: what belongs to a part of the network.
        ByteBuf part =
                Unpooled.buffer().writeBytes(new byte[] {4, '0', '-', '6', '3'}).writeShort(0xc000 | zone);
        record(
                answer,
                pointer(12),
                CNAME,
                Unpooled.buffer().writeBytes(new byte[] {1, '5'}).writeBytes(part.duplicate()));
        record(
                answer,
                Unpooled.buffer().writeBytes(new byte[] {1, '5'}).writeBytes(part),
                PTR,
                name("db.corp.example"));
        ByteBuf soa = Unpooled.buffer()
                .writeBytes(name("ns.corp.example"))
                .writeBytes(new byte[] {4, 'r', 'o', 'o', 't'})
                .writeShort(0xc000 | zone);
        record(answer, pointer(zone), SOA, soa.writeZero(20));
        record(answer, pointer(zone), NS, name("ns.corp.example"));
        record(answer, pointer(zone), TXT, Unpooled.buffer().writeByte(2).writeShort(0xc00c));

        ByteBuf out = back.answer(answer, end, message, question);
        ByteBuf wanted = Unpooled.buffer();
        wanted.writeShort(7)
                .writeShort(0x8180)
                .writeShort(1)
                .writeShort(2)
                .writeShort(2)
                .writeShort(1);
        wanted.writeBytes(message, 12, question.questionEnd() - 12);
        record(wanted, name("5." + SHOWN), CNAME, name("5.0-63." + SHOWN));
        record(wanted, name("5.0-63." + SHOWN), PTR, name("db.corp.example"));
        record(
                wanted,
                name(SHOWN),
                SOA,
                Unpooled.buffer()
                        .writeBytes(name("ns.corp.example"))
                        .writeBytes(name("root." + SHOWN))
                        .writeZero(20));
        record(wanted, name(SHOWN), NS, name("ns.corp.example"));
        record(wanted, name(SHOWN), TXT, Unpooled.buffer().writeByte(2).writeShort(0xc00c));
        assertThat(ByteBufUtil.hexDump(out)).isEqualTo(ByteBufUtil.hexDump(wanted));
        assertThat(DnsMessage.read(out).answers(question, 7)).isTrue();
        out.release();
    }

    @Test
    void anOwnerThatIsTheQuestionsPointsThere() {
        ByteBuf message = Unpooled.wrappedBuffer(DnsBytes.question(7, "5." + SHOWN, PTR));
        ByteBuf answer = Unpooled.buffer();
        answer.writeShort(7).writeShort(0x8180).writeShort(1).writeShort(1).writeInt(0);
        answer.writeBytes(name("5." + OWN)).writeShort(PTR).writeShort(1);
        int end = answer.readableBytes();
        record(answer, name("5." + OWN), PTR, name("db.corp.example"));
        ByteBuf out = back.answer(answer, end, message, DnsMessage.read(message));
        assertThat(out.getUnsignedShort(DnsMessage.read(message).questionEnd())).isEqualTo(0xc00c);
        out.release();
    }

    /** Loops, lengths beyond the end, anything: no exception, no memory kept, and never more than was there could mean. */
    @Test
    void whatCannotBeReadIsNoAnswer() {
        ByteBuf message = Unpooled.wrappedBuffer(DnsBytes.question(7, "5." + SHOWN, PTR));
        DnsMessage question = DnsMessage.read(message);
        ByteBuf loop = Unpooled.buffer();
        loop.writeShort(7).writeShort(0x8180).writeShort(1).writeShort(1).writeInt(0);
        loop.writeBytes(name("5." + OWN)).writeShort(PTR).writeShort(1);
        int end = loop.readableBytes();
        record(loop, pointer(end), PTR, name("db.corp.example"));
        assertThat(back.answer(loop, end, message, question)).isNull();

        Random random = new Random(5);
        int read = 0;
        for (int i = 0; i < 20_000; i++) {
            ByteBuf answer = Unpooled.buffer();
            answer.writeShort(7).writeShort(0x8180).writeShort(1);
            answer.writeShort(random.nextInt(3))
                    .writeShort(random.nextInt(3))
                    .writeShort(random.nextInt(0x10000) >> random.nextInt(17));
            answer.writeBytes(name("5." + OWN)).writeShort(PTR).writeShort(1);
            for (int b = random.nextInt(80); b > 0; b--) {
                answer.writeByte(
                        random.nextInt(4) == 0
                                ? random.nextInt(256)
                                : random.nextInt(2) == 0 ? 0 : 0xc0 | random.nextInt(2) * 12);
            }
            ByteBuf out = back.answer(answer, end, message, question);
            if (out != null) {
                read++;
                assertThat(out.readableBytes()).isBetween(question.questionEnd(), DnsMessage.MAX);
                out.release();
            }
        }
        assertThat(read).isPositive();
    }
}
