package dev.culvert.client.names;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.DnsBytes;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.names.DnsMessage;
import dev.culvert.tunnel.names.ResolverName;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The name server inside the stack: questions on one side, frames on the other, time at a stand. */
@NullUnmarked
class NameServiceTest {
    private static final byte[] NONE = {};

    private LinkedUplink net = new LinkedUplink().up("10.99.0.0/16");
    private final List<byte[]> replies = new ArrayList<>();
    private AnswerFilter filter = AnswerFilter.NONE;
    private NameService service;

    @AfterEach
    void end() {
        net.close();
    }

    private void serve(String... domains) throws Exception {
        service = new NameService(
                new NameService.ServiceAddresses(
                        InetAddress.getByName("100.127.255.53"), InetAddress.getByName("fd63:756c:7665:7274::53")),
                new WantedDomains(Arrays.stream(domains).map(Domain::parse).toList(), List.of(), false),
                net.uplink,
                new AnswerFilter() {
                    @Override
                    public ByteBuf answered(String agent, DnsMessage question, ByteBuf answer) {
                        return filter.answered(agent, question, answer);
                    }

                    @Override
                    public String domainThere(String agent, String domain) {
                        return filter.domainThere(agent, domain);
                    }
                },
                net.said::add);
        service.announced();
    }

    private void ask(byte[] question, boolean stream) {
        service.question(net.allocator.buffer().writeBytes(question), stream, answer -> {
            replies.add(answer == null ? NONE : ByteBufUtil.getBytes(answer));
            if (answer != null) {
                answer.release();
            }
        });
        net.settle();
    }

    private int replyCode() {
        assertThat(replies).hasSize(1);
        return replies.remove(0)[3] & 15;
    }

    private static byte[] bytes(WebSocketMessage frame) {
        return ByteBufUtil.getBytes(frame.payload());
    }

    private static byte[] withId(byte[] message, byte[] of) {
        byte[] out = message.clone();
        out[0] = of[0];
        out[1] = of[1];
        return out;
    }

    @Test
    void theAgentOfTheLongestDomainIsAskedAndItsAnswerComesBackByteForByte() throws Exception {
        serve("corp.example=office", "lab.corp.example=plant");
        assertThat(net.said).contains("names: corp.example by office, lab.corp.example by plant");
        byte[] question = DnsBytes.question(0x0102, "DB.corp.example", 65_280, 4_096);
        ask(question, false);
        List<WebSocketMessage> frames = net.takeFrames();
        assertThat(frames).extracting(WebSocketMessage::type).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        OpenRequest request = LinkedUplink.request(frames.get(0));
        assertThat(request.agent()).isEqualTo("office");
        assertThat(request.destination()).isEqualTo(ResolverName.of(Destination.UDP, "corp.example"));
        int id = frames.get(0).flowId();
        byte[] asked = bytes(frames.get(1));
        assertThat(withId(asked, question)).isEqualTo(question);
        net.opened(id);
        byte[] answer = DnsBytes.answer(asked, 0, 3_000);
        net.frame(Frame.DATAGRAM, 0, id, answer);
        assertThat(replies).containsExactly(withId(answer, question));

        ask(DnsBytes.question(2, "corp.example", 1), false);
        assertThat(net.oneFrame(Frame.DATAGRAM).flowId()).as("the same flow").isEqualTo(id);
        ask(DnsBytes.question(2, "a.LAB.corp.example", 1), false);
        assertThat(LinkedUplink.request(net.takeFrames().get(0)).agent()).isEqualTo("plant");
    }

    @Test
    void whatIsInNoDomainOrIsNoQuestionIsRefusedHere() throws Exception {
        serve("corp.example=office");
        ask(DnsBytes.question(1, "www.example", 1), false);
        assertThat(replyCode()).isEqualTo(DnsMessage.REFUSED);
        ask(DnsBytes.question(1, "corp.example", 252), true);
        assertThat(replyCode()).isEqualTo(DnsMessage.REFUSED);
        byte[] two = DnsBytes.question(1, "corp.example", 1);
        two[5] = 2;
        ask(two, false);
        assertThat(replyCode()).isEqualTo(DnsMessage.FORMAT_ERROR);
        ask(new byte[3], false);
        ask(DnsBytes.answer(DnsBytes.question(1, "corp.example", 1), 0, 1), false);
        assertThat(replies).containsExactly(NONE, NONE);
        assertThat(net.takeFrames()).isEmpty();
    }

    @Test
    void anAnswerThatItsAskerCannotTakeIsTruncated() throws Exception {
        serve("corp.example=office");
        byte[] question = DnsBytes.question(5, "corp.example", 16, 1_232);
        ask(question, false);
        List<WebSocketMessage> frames = net.takeFrames();
        int id = frames.get(0).flowId();
        net.opened(id);
        net.frame(Frame.DATAGRAM, 0, id, DnsBytes.answer(bytes(frames.get(1)), 0, 1_232));
        DnsMessage reply = DnsMessage.read(Unpooled.wrappedBuffer(replies.get(0)));
        assertThat(reply.flags() & DnsMessage.TRUNCATED).isNotZero();
        assertThat(reply.id()).isEqualTo(5);
        assertThat(replies.get(0)).as("question and OPT").hasSize(reply.questionEnd() + 11);
    }

    @Test
    void overTcpEachQuestionHasAConnectionAtTheAgent() throws Exception {
        serve("corp.example=office");
        byte[] question = DnsBytes.question(5, "corp.example", 16);
        ask(question, true);
        WebSocketMessage open = net.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).destination())
                .isEqualTo(ResolverName.of(Destination.TCP, "corp.example"));
        net.opened(open.flowId());
        assertThat(net.takeData())
                .isEqualTo("\0" + (char) question.length + new String(question, StandardCharsets.ISO_8859_1));
        byte[] answer = DnsBytes.answer(question, 0, 20_000);
        ByteBuf framed = Unpooled.buffer().writeShort(answer.length).writeBytes(answer);
        net.frame(Frame.DATA, 0, open.flowId(), ByteBufUtil.getBytes(framed.readSlice(10)));
        net.frame(Frame.DATA, 0, open.flowId(), ByteBufUtil.getBytes(framed));
        assertThat(replies).containsExactly(answer);
        assertThat(net.takeFrames()).extracting(WebSocketMessage::type).contains(Frame.RESET);
    }

    @Test
    void anotherMayChangeWhatAnAgentAnswers() throws Exception {
        serve("corp.example=office");
        filter = (agent, question, answer) -> {
            assertThat(agent).isEqualTo("office");
            assertThat(question.name()).isEqualTo("corp.example");
            return answer.setByte(answer.writerIndex() - 1, 77);
        };
        ask(DnsBytes.question(5, "corp.example", 1), false);
        List<WebSocketMessage> frames = net.takeFrames();
        net.opened(frames.get(0).flowId());
        net.frame(Frame.DATAGRAM, 0, frames.get(0).flowId(), DnsBytes.answer(bytes(frames.get(1)), 0, 4));
        assertThat(replies.get(0)).endsWith(77);
    }

    @Test
    void whereADomainHasAnotherNameAtTheAgentThatIsAskedAbout() throws Exception {
        serve("corp.example=office");
        filter = new AnswerFilter() {
            @Override
            public ByteBuf answered(String agent, DnsMessage question, ByteBuf answer) {
                assertThat(question.name()).isEqualTo("7.0.99.10.in-addr.arpa");
                return answer;
            }

            @Override
            public String domainThere(String agent, String domain) {
                return domain.equals("99.10.in-addr.arpa") ? "168.192.in-addr.arpa" : null;
            }
        };
        byte[] question = DnsBytes.question(5, "7.0.99.10.in-addr.arpa", 12, 1_232);
        ask(question, false);
        List<WebSocketMessage> frames = net.takeFrames();
        assertThat(LinkedUplink.request(frames.get(0)).destination())
                .isEqualTo(ResolverName.of(Destination.UDP, "168.192.in-addr.arpa"));
        byte[] asked = bytes(frames.get(1));
        assertThat(withId(asked, question)).isEqualTo(DnsBytes.question(5, "7.0.168.192.in-addr.arpa", 12, 1_232));
        net.opened(frames.get(0).flowId());
        net.frame(Frame.DATAGRAM, 0, frames.get(0).flowId(), DnsBytes.answer(asked, 0, 9));
        assertThat(replies).containsExactly(withId(DnsBytes.answer(question, 0, 9), question));
        replies.clear();

        ask(question, true);
        WebSocketMessage open = net.oneFrame(Frame.OPEN);
        net.opened(open.flowId());
        net.takeFrames();
        byte[] cut = DnsBytes.answer(DnsBytes.question(5, "7.0.168.192.in-addr.arpa", 12), 0, 9);
        ByteBuf framed = Unpooled.buffer().writeShort(cut.length - 1).writeBytes(cut, 0, cut.length - 1);
        net.frame(Frame.DATA, 0, open.flowId(), ByteBufUtil.getBytes(framed));
        assertThat(replyCode()).as("what cannot be read").isEqualTo(DnsMessage.SERVER_FAILURE);
    }

    /** A network on which something is lost is asked again; one that says no is believed. */
    @Test
    void whyThereIsNoAnswerDecidesWhetherThereIsSilence() throws Exception {
        serve("corp.example=office");
        for (Map.Entry<Reason, Boolean> e : Map.of(
                        Reason.PROHIBITED, false,
                        Reason.NO_AGENT, false,
                        Reason.NAME_NOT_FOUND, false,
                        Reason.OVERLOADED, true)
                .entrySet()) {
            ask(DnsBytes.question(1, "corp.example", 1), false);
            net.refused(net.takeFrames().get(0).flowId(), e.getKey());
            if (e.getValue()) {
                assertThat(replies).as(e.getKey().name()).containsExactly(NONE);
                replies.clear();
            } else {
                assertThat(replyCode()).as(e.getKey().name()).isEqualTo(DnsMessage.SERVER_FAILURE);
            }
        }
        assertThat(net.said)
                .anyMatch(line -> line.contains("'office' cannot be asked about names in corp.example")
                        && line.contains("older version"));
        int lines = net.said.size();
        ask(DnsBytes.question(1, "corp.example", 1), true);
        net.refused(net.takeFrames().get(0).flowId(), Reason.OVERLOADED);
        assertThat(replyCode()).as("who waits on a connection is told").isEqualTo(DnsMessage.SERVER_FAILURE);
        assertThat(net.said).hasSize(lines);
        net.disconnect();
        ask(DnsBytes.question(1, "corp.example", 1), false);
        assertThat(replies).as("there will be a link").containsExactly(NONE);
    }

    @Test
    void questionsThatWaitAreBoundedAndEnd() throws Exception {
        serve("corp.example=office", "lab.example=plant");
        int most = NameService.MAX_ASKED / 2;
        for (int i = 0; i < most; i++) {
            ask(DnsBytes.question(i, "corp.example", 1), false);
        }
        net.takeFrames();
        assertThat(replies).isEmpty();
        ask(DnsBytes.question(1, "corp.example", 1), false);
        assertThat(replyCode()).as("what is left is others'").isEqualTo(DnsMessage.SERVER_FAILURE);
        ask(DnsBytes.question(1, "lab.example", 1), false);
        assertThat(replies).isEmpty();
        List<WebSocketMessage> others = net.takeFrames();
        assertThat(LinkedUplink.request(others.get(0)).agent()).isEqualTo("plant");
        net.opened(others.get(0).flowId());
        net.frame(Frame.DATAGRAM, 0, others.get(0).flowId(), DnsBytes.answer(bytes(others.get(1)), 0, 4));
        assertThat(replyCode()).isZero();
        net.advanceLinked(AgentQuestions.DEADLINE.toMillis());
        assertThat(replies).hasSize(most).containsOnly(NONE);
        replies.clear();
        ask(DnsBytes.question(1, "corp.example", 1), false);
        assertThat(net.takeFrames()).hasSize(1);
        net.advanceLinked(AgentQuestions.IDLE.toMillis());
        assertThat(net.takeFrames()).extracting(WebSocketMessage::type).contains(Frame.RESET);
        assertThat(net.uplink.flowCount()).as("flows that nobody needs").isZero();
    }

    /** It is not asked anywhere then, and looks as if it did not exist. */
    @Test
    void aDomainThatNobodyMayBeAskedAboutIsSaidToBeOnce() throws Exception {
        net.close();
        net = new LinkedUplink("office:10.99.0.0/16:443/tcp", "office:*.lab.example:443/tcp");
        serve("corp.example", "lab.example");
        assertThat(net.said).as("no agent is there yet").noneMatch(line -> line.contains("asked of no agent"));
        net.up("10.99.0.0/16");
        service.announced();
        assertThat(net.said).contains("names: lab.example by office");
        service.announced();
        assertThat(net.said)
                .filteredOn(line -> line.contains("asked of no agent"))
                .hasSize(1)
                .first()
                .asString()
                .startsWith("names in corp.example are");
        ask(DnsBytes.question(1, "corp.example", 1), false);
        assertThat(replyCode()).isEqualTo(DnsMessage.REFUSED);
    }

    /** The agent proposes, the token decides; and a whole top-level domain is nobody's to propose. */
    @Test
    void whatAnAgentAnnouncesIsAskedThereIfTheTokenLetsItBe() throws Exception {
        net.frame(
                Frame.ANNOUNCE,
                0,
                0,
                Announcement.encode(new Announcement.Reachable(
                        "laptop",
                        List.of(new Announcement.ReachableAgent(
                                "office",
                                1,
                                List.of("10.99.0.0/16"),
                                List.of(),
                                List.of(),
                                List.of("lab.example", "com", "Upper.example", "."))))));
        net.advanceLinked(1_000);
        assertThat(net.uplink.announcedDomains()).containsExactly(Map.entry("lab.example", "office"));
        serve("corp.example=plant");
        assertThat(net.said).contains("names: corp.example by plant, lab.example by office");
        service.listen(now -> {
            assertThat(now.domains())
                    .as("names before numbers")
                    .containsExactly("corp.example", "lab.example", "99.10.in-addr.arpa");
            assertThat(now.search()).containsExactly("corp.example", "lab.example");
            assertThat(now.everything()).isFalse();
            replies.add(NONE);
        });
        assertThat(replies).as("told at once").hasSize(1);
        replies.clear();
        ask(DnsBytes.question(1, "7.0.99.10.in-addr.arpa", 12), false);
        OpenRequest request = LinkedUplink.request(net.takeFrames().get(0));
        assertThat(request.agent()).isEqualTo("office");
        assertThat(request.destination()).isEqualTo(ResolverName.of(Destination.UDP, "99.10.in-addr.arpa"));
    }

    @Test
    void aDomainIsReadWithItsAgent() {
        assertThat(Domain.parse("Corp.Example.=office")).isEqualTo(new Domain("corp.example", "office"));
        assertThat(Domain.parse("corp.example")).isEqualTo(new Domain("corp.example", null));
        assertThatThrownBy(() -> Domain.parse("=office")).hasMessageContaining("is no domain");
        assertThatThrownBy(() -> Domain.parse("10.0.0.1")).hasMessageContaining("is no domain");
        assertThatThrownBy(() -> Domain.parse("corp.example=of fice")).hasMessageContaining("no agent's name");
    }
}
