package dev.culvert.tunnel.names;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.DnsBytes;
import dev.culvert.tunnel.frame.Destination;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@NullUnmarked
class DnsMessageTest {
    private static DnsMessage read(byte[] bytes) {
        return DnsMessage.read(Unpooled.wrappedBuffer(bytes));
    }

    @Test
    void aQuestionIsReadAsFarAsItMatters() {
        DnsMessage plain = read(DnsBytes.question(0xabcd, "DB.Corp.example", DnsBytes.A));
        assertThat(plain.id()).isEqualTo(0xabcd);
        assertThat(plain.name()).isEqualTo("db.corp.example");
        assertThat(plain.type()).isEqualTo(DnsBytes.A);
        assertThat(plain.answerSize()).isEqualTo(512);
        assertThat(plain.isResponse()).isFalse();
        assertThat(plain.fault()).isEqualTo(DnsMessage.NO_ERROR);
        assertThat(read(DnsBytes.question(1, "a.example", 28, 1_232)).answerSize())
                .isEqualTo(1_232);
        assertThat(read(DnsBytes.question(1, "a.example", 28, 100)).answerSize())
                .as("RFC 6891 section 6.2.3")
                .isEqualTo(512);
        assertThat(read(DnsBytes.question(1, "", 2)).name()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "db.corp.example, corp.example, true",
        "corp.example, corp.example, true",
        "xcorp.example, corp.example, false",
        "example, corp.example, false",
        "db.corp.example, '', true",
        "'', '', true",
        "'', example, false",
        "db.corp.example.com, corp.example, false"
    })
    void aDomainHoldsWhatIsAtOrBelowIt(String name, String domain, boolean holds) {
        assertThat(read(DnsBytes.question(1, name, 1)).isAtOrBelow(domain)).isEqualTo(holds);
    }

    /** One label that holds a dot is not two: else "x.corp" + "example" would pass for a name in corp.example. */
    @Test
    void aDotInsideOfALabelEndsNone() {
        byte[] bytes = DnsBytes.question(1, "xxcorp.example", 1);
        bytes[14] = '.';
        DnsMessage read = read(bytes);
        assertThat(read.name()).isEqualTo("x\\.corp.example");
        assertThat(read.isAtOrBelow("corp.example")).isFalse();
        assertThat(read.isAtOrBelow("example")).isTrue();
    }

    @Test
    void transfersOtherClassesAndOtherOperationsAreNotPassedOn() {
        assertThat(read(DnsBytes.question(1, "corp.example", 252)).fault()).isEqualTo(DnsMessage.REFUSED);
        assertThat(read(DnsBytes.question(1, "corp.example", 251)).fault()).isEqualTo(DnsMessage.REFUSED);
        byte[] chaos = DnsBytes.question(1, "version.bind", 16);
        chaos[chaos.length - 1] = 3;
        assertThat(read(chaos).fault()).isEqualTo(DnsMessage.REFUSED);
        byte[] update = DnsBytes.question(1, "corp.example", 6);
        update[2] = 0x28;
        assertThat(read(update).fault()).isEqualTo(DnsMessage.NOT_IMPLEMENTED);
    }

    @Test
    void onlyTheAnswerToAQuestionAnswersIt() {
        byte[] bytes = DnsBytes.question(7, "db.corp.example", 1);
        DnsMessage question = read(bytes);
        byte[] answer = DnsBytes.answer(DnsBytes.question(7, "DB.corp.Example", 1), 0, 40);
        assertThat(read(answer).answers(question, 7)).isTrue();
        assertThat(read(answer).answers(question, 8)).as("another id").isFalse();
        assertThat(question.answers(question, 7)).as("no answer").isFalse();
        byte[] other = DnsBytes.answer(DnsBytes.question(7, "dc.corp.example", 1), 0, 40);
        assertThat(read(other).answers(question, 7)).as("another name").isFalse();
        byte[] type = DnsBytes.answer(DnsBytes.question(7, "db.corp.example", 28), 0, 40);
        assertThat(read(type).answers(question, 7)).as("another type").isFalse();
    }

    @Test
    void anAnswerOfOurOwnHasHeaderAndQuestionAndOptWhereTheQuestionHasIt() {
        byte[] bytes = DnsBytes.question(0x1234, "Db.corp.example", 28, 4_096);
        ByteBuf in = Unpooled.wrappedBuffer(bytes);
        ByteBuf out = DnsMessage.read(in).answer(ByteBufAllocator.DEFAULT, in, DnsMessage.NO_ERROR, true);
        DnsMessage answer = DnsMessage.read(out);
        assertThat(answer.answers(read(bytes), 0x1234)).isTrue();
        assertThat(answer.flags()).isEqualTo(0x8380);
        assertThat(out.toString(13, 2, java.nio.charset.StandardCharsets.US_ASCII))
                .as("as it was written")
                .isEqualTo("Db");
        assertThat(out.toString(answer.questionEnd(), 11, java.nio.charset.StandardCharsets.ISO_8859_1))
                .isEqualTo("\0\0\51\4\u00d0\0\0\0\0\0\0");
        assertThat(answer.answerSize()).isEqualTo(1_232);
        assertThat(out.readableBytes()).isEqualTo(answer.questionEnd() + 11);
        out.release();
        bytes = DnsBytes.question(0x1234, "db.corp.example", 28);
        bytes[3] |= 0x10;
        in = Unpooled.wrappedBuffer(bytes);
        out = DnsMessage.read(in).answer(ByteBufAllocator.DEFAULT, in, DnsMessage.REFUSED, false);
        answer = DnsMessage.read(out);
        assertThat(answer.flags()).as("with CD").isEqualTo(0x8195);
        assertThat(out.readableBytes()).isEqualTo(answer.questionEnd());
        out.release();
    }

    @Test
    void whatCannotBeReadIsSaidToBeSoIfItHasAHeader() {
        byte[] two = DnsBytes.question(9, "a.example", 1);
        two[5] = 2;
        assertThat(read(two)).isNull();
        ByteBuf answer = DnsMessage.malformed(ByteBufAllocator.DEFAULT, Unpooled.wrappedBuffer(two));
        assertThat(ByteBufUtil.hexDump(answer)).isEqualTo("000981010000000000000000");
        answer.release();
        assertThat(DnsMessage.malformed(ByteBufAllocator.DEFAULT, Unpooled.wrappedBuffer(new byte[11])))
                .isNull();
        two[2] = (byte) 0x81;
        assertThat(DnsMessage.malformed(ByteBufAllocator.DEFAULT, Unpooled.wrappedBuffer(two)))
                .as("an answer is not answered")
                .isNull();
    }

    /** Whatever comes, nothing is thrown, and what is read lies within what came. */
    @Test
    void noBytesDoHarm() {
        Random random = new Random(53);
        byte[] good = DnsBytes.question(1, "a.b.corp.example", 1, 1_232);
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = good.clone();
            for (int i = random.nextInt(6); i >= 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
            DnsMessage read = read(bytes);
            if (read != null) {
                assertThat(read.questionEnd()).isLessThanOrEqualTo(bytes.length);
                assertThat(read.answerSize()).isBetween(512, 65_535);
            }
        }
    }

    @Test
    void theDestinationThatMeansTheResolverSaysTheDomain() {
        assertThat(ResolverName.domain(ResolverName.of(Destination.UDP, "corp.example")))
                .isEqualTo("corp.example");
        assertThat(ResolverName.domain(ResolverName.of(Destination.TCP, ResolverName.ROOT)))
                .isEmpty();
        String longest = ("a".repeat(63) + ".").repeat(4).substring(0, ResolverName.MAX_DOMAIN);
        assertThat(ResolverName.domain(ResolverName.of(Destination.UDP, longest)))
                .isEqualTo(longest);
        assertThat(ResolverName.domain(Destination.ofName(Destination.UDP, "resolver.culvert.invalid", 54)))
                .isNull();
        assertThat(ResolverName.domain(Destination.ofName(Destination.UDP, "xresolver.culvert.invalid", 53)))
                .isNull();
        assertThat(ResolverName.domain(Destination.ofName(Destination.ICMP, "resolver.culvert.invalid", 53)))
                .isNull();
    }
}
