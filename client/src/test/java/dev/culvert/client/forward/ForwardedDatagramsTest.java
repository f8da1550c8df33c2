package dev.culvert.client.forward;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A UDP port, and who sends to it. */
@NullUnmarked
final class ForwardedDatagramsTest {
    private static final InetSocketAddress AT = new InetSocketAddress("127.0.0.1", 5_353);

    private final LinkedUplink bench = new LinkedUplink().up("10.1.0.0/16");
    private final List<String> complaints = new ArrayList<>();
    private ForwardedDatagrams forwarded;
    private EmbeddedChannel socket;

    @AfterEach
    void end() {
        bench.close();
    }

    private void to(String target) {
        forwarded = new ForwardedDatagrams(FlowTarget.parse(Destination.UDP, target), bench.uplink, complaints::add);
        socket = bench.socket(EmbeddedChannel.builder().ticker(bench.ticker).build());
        socket.pipeline().addLast(forwarded);
    }

    private static InetSocketAddress sender(int port) {
        return new InetSocketAddress("127.0.0.1", port);
    }

    private void send(int port, String text) {
        socket.writeInbound(new DatagramPacket(
                bench.allocator.buffer().writeBytes(text.getBytes(StandardCharsets.US_ASCII)), AT, sender(port)));
        bench.settle();
    }

    private void answer(int id, String text) {
        bench.frame(Frame.DATAGRAM, 0, id, text.getBytes(StandardCharsets.US_ASCII));
    }

    private String answer() {
        socket.runPendingTasks();
        DatagramPacket packet = socket.readOutbound();
        if (packet == null) {
            return null;
        }
        String text = packet.recipient().getPort() + " " + packet.content().toString(StandardCharsets.US_ASCII);
        packet.release();
        return text;
    }

    private int opened(String text) {
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(frames).extracting(WebSocketMessage::type).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        assertThat(frames.get(1).text()).endsWith(text);
        return frames.get(0).flowId();
    }

    @Test
    void eachSenderHasAFlowOfItsOwnAndItsAnswers() {
        to("10.1.0.7:5000");
        send(1_001, "one");
        int first = opened("one");
        send(1_002, "two");
        int second = opened("two");
        send(1_001, "more");
        assertThat(bench.takeFrames()).extracting(WebSocketMessage::flowId).containsExactly(first);
        answer(second, "for two");
        assertThat(answer()).isEqualTo("1002 for two");
        answer(first, "for one");
        assertThat(answer()).isEqualTo("1001 for one");
        assertThat(answer()).isNull();
    }

    @Test
    void whoIsSilentForFiveMinutesIsForgotten() {
        to("10.1.0.7:5000");
        send(1_001, "one");
        int id = opened("one");
        bench.advanceLinked(ForwardedDatagrams.IDLE.toMillis() - 10_000);
        answer(id, "answers keep it");
        assertThat(answer()).isNotNull();
        bench.advanceLinked(ForwardedDatagrams.IDLE.toMillis() - 10_000);
        assertThat(forwarded.senderCount()).isEqualTo(1);
        bench.advanceLinked(20_000);
        assertThat(forwarded.senderCount()).isZero();
        assertThat(bench.uplink.flowCount()).isZero();
    }

    @Test
    void whoHasItsAnswerFromDnsIsForgottenSoon() {
        to("10.1.0.7:53");
        send(1_001, "name?");
        int id = opened("name?");
        bench.advanceLinked(60_000);
        assertThat(forwarded.senderCount()).as("without an answer").isEqualTo(1);
        answer(id, "address");
        bench.advanceLinked(ForwardedDatagrams.ANSWERED_IDLE.toMillis() + 10_000);
        assertThat(forwarded.senderCount()).isZero();
    }

    /** A client that is up answers for programs that have joined it before the agent has: their refusal is a reset. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whoIsRefusedIsNotAskedForAgainAtOnce(boolean answeredFirst) {
        to("10.1.0.7:5000");
        int asked = 0;
        for (int i = 0; i < 100; i++) {
            send(1_001, "again");
            for (WebSocketMessage frame : bench.takeFrames()) {
                if (frame.type() == Frame.OPEN) {
                    asked++;
                    if (answeredFirst) {
                        bench.opened(frame.flowId());
                        bench.frame(Frame.RESET, 0, frame.flowId(), (byte) Reason.PROHIBITED.code());
                    } else {
                        bench.refused(frame.flowId(), Reason.PROHIBITED);
                    }
                }
            }
            bench.advanceLinked(100);
        }
        assertThat(asked)
                .as("in ten seconds: at 0, 0.25, 0.75, 1.75, 3.75 and 7.75")
                .isBetween(4, 7);
        assertThat(complaints).hasSize(asked).allMatch(line -> line.contains("10.1.0.7:5000"));
    }

    @Test
    void withoutALinkDatagramsAreLostAndNothingElse() {
        to("10.1.0.7:5000");
        bench.disconnect();
        send(1_001, "lost");
        assertThat(bench.uplink.flowCount()).isZero();
        assertThat(complaints).hasSize(1);
    }

    @Test
    void whoWasHeardOfLongestAgoMakesRoom() {
        to("10.1.0.7:5000");
        Set<Integer> ended = new HashSet<>();
        for (int i = 0; i <= ForwardedDatagrams.MAX_SENDERS; i++) {
            send(1_024 + i, "x");
            bench.takeFrames().stream().filter(f -> f.type() == Frame.RESET).forEach(f -> ended.add(f.flowId()));
        }
        assertThat(forwarded.senderCount()).isEqualTo(ForwardedDatagrams.MAX_SENDERS);
        assertThat(ended).hasSize(1);
    }

    @Test
    void whatIsTooLongForAFlowHarmsNobody() {
        to("10.1.0.7:5000");
        socket.writeInbound(new DatagramPacket(Unpooled.wrappedBuffer(new byte[65_536]), AT, sender(1_001)));
        bench.settle();
        send(1_002, "fine");
        assertThat(forwarded.senderCount()).isEqualTo(2);
        assertThat(socket.isOpen()).isTrue();
    }
}
