package dev.culvert.client.join;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a client that is up is to a program that joins it, in frozen time. */
@NullUnmarked
final class JoinedProgramsTest {
    private static final long USER = 1_000;
    private static final int FLOW = 2;
    private static final String HOST = "192.168.77.10";

    private final LinkedUplink bench = new LinkedUplink().up("192.168.77.0/24");
    private final Counts counts = new Counts();
    private final JoinedPrograms programs =
            new JoinedPrograms(bench.uplink, JoiningProgram.TOKEN, "laptop", "9.9", counts);

    private static final class Counts implements Tally {
        int programs;
        int refused;
        final int[] flows = new int[256];

        @Override
        public void programs(int change) {
            programs += change;
        }

        @Override
        public void flows(int protocol, int change) {
            flows[protocol] += change;
        }

        @Override
        public void refused() {
            refused++;
        }
    }

    @AfterEach
    void nothingIsLeft() {
        programs.end("the test is over");
        bench.settle();
        bench.close();
        assertThat(programs.count()).isZero();
        assertThat(counts.programs).isZero();
        assertThat(counts.flows).containsOnly(0);
    }

    private JoiningProgram joined() {
        return JoiningProgram.joined(bench, programs, USER);
    }

    // ---- the greeting ----

    @Test
    void whoSaysTheTokenIsToldWhatThereIs() throws Exception {
        JoiningProgram program = new JoiningProgram(bench, programs, USER);
        program.say(JoiningProgram.ASK.substring(0, 20));
        assertThat(program.line()).isEmpty();
        program.say(JoiningProgram.ASK.substring(20));
        assertThat(program.line())
                .contains("\"program\":\"client\"", "\"version\":\"9.9\"", "\"link\":1")
                .contains("\"process\":" + ProcessHandle.current().pid());
        WebSocketMessage said = program.one(Frame.ANNOUNCE);
        Announcement.Reachable there = Announcement.decode(said.payload(), Announcement.Reachable.class);
        assertThat(there.client()).isEqualTo("laptop");
        assertThat(there.agents()).hasSize(1);
        assertThat(there.agents().get(0).routes()).containsExactly("192.168.77.0/24");
        assertThat(counts.programs).isEqualTo(1);
    }

    @Test
    void whatIsSaidLaterIsPassedOn() {
        JoiningProgram program = joined();
        bench.advance(2_000);
        program.frames();
        bench.announce("192.168.77.0/24", "10.7.0.0/16");
        assertThat(program.one(Frame.ANNOUNCE).text()).contains("10.7.0.0/16");
    }

    @Test
    void whatIsWrongIsSaidInOneLine() {
        for (String wrong : new String[] {
            "rubbish\n",
            "\n",
            "[]\n",
            "{\"ask\": \"status\"}\n",
            JoiningProgram.ASK.replace("\"link\": 1", "\"link\": 0"),
            JoiningProgram.ASK.replace(JoiningProgram.TOKEN, "another"),
            "x".repeat(5_000)
        }) {
            JoiningProgram program = new JoiningProgram(bench, programs, USER);
            program.say(wrong);
            assertThat(program.line()).as(wrong).contains("\"error\":\"").doesNotContain("\"answer\"");
            assertThat(program.channel.isOpen()).as(wrong).isFalse();
        }
        assertThat(programs.count()).isZero();
    }

    @Test
    void whoSaysNothingIsLetGo() {
        JoiningProgram program = new JoiningProgram(bench, programs, USER);
        bench.advance(JoinedPrograms.GREETING.toMillis() - 1);
        assertThat(program.channel.isOpen()).isTrue();
        bench.advance(1);
        assertThat(program.channel.isOpen()).isFalse();
    }

    @Test
    void withoutALinkNobodyJoins() {
        bench.disconnect();
        JoiningProgram program = new JoiningProgram(bench, programs, USER);
        program.say(JoiningProgram.ASK);
        assertThat(program.line()).contains("no link");
    }

    @Test
    void aUserHasHisShareAndAnotherHasHis() {
        List<JoiningProgram> all = new ArrayList<>();
        for (int i = 0; i < JoinedPrograms.MAX_OF_USER; i++) {
            all.add(joined());
        }
        JoiningProgram more = new JoiningProgram(bench, programs, USER);
        more.say(JoiningProgram.ASK);
        assertThat(more.line()).contains("of this user");
        JoiningProgram.joined(bench, programs, USER + 1);
        all.get(0).channel.close();
        bench.settle();
        joined();
    }

    @Test
    void connectionsThatSayNothingAreBounded() {
        List<JoiningProgram> silent = new ArrayList<>();
        for (int i = 0; i < JoinedPrograms.MAX_GREETING; i++) {
            silent.add(new JoiningProgram(bench, programs, i));
        }
        assertThat(silent).allMatch(p -> p.channel.isOpen());
        assertThat(new JoiningProgram(bench, programs, 7).channel.isOpen()).isFalse();
        silent.get(0).say(JoiningProgram.ASK);
        assertThat(new JoiningProgram(bench, programs, 7).channel.isOpen()).isTrue();
    }

    /** Who holds connections and says nothing keeps no other user out. */
    @Test
    void connectionsOfAUserThatSayNothingAreBounded() {
        for (int i = 0; i < JoinedPrograms.MAX_GREETING_OF_USER; i++) {
            assertThat(new JoiningProgram(bench, programs, USER).channel.isOpen())
                    .isTrue();
        }
        assertThat(new JoiningProgram(bench, programs, USER).channel.isOpen()).isFalse();
        JoiningProgram.joined(bench, programs, USER + 1);
    }

    // ---- streams ----

    private int openedThere() {
        WebSocketMessage open = bench.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).agent()).isEqualTo("office");
        return open.flowId();
    }

    @Test
    void aStreamIsAnsweredWhenTheFarSideHasAnsweredAndCarriesBothWaysAndBothEnds() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.TCP, HOST, 22, "office");
        int id = openedThere();
        assertThat(program.frames()).isEmpty();
        bench.opened(id);
        assertThat(program.one(Frame.OPENED).flowId()).isEqualTo(FLOW);
        assertThat(counts.flows[Destination.TCP]).isEqualTo(1);

        program.frame(Frame.DATA, 0, FLOW, "question".getBytes(StandardCharsets.US_ASCII));
        assertThat(bench.takeData()).isEqualTo("question");
        bench.data(id, "answer");
        assertThat(program.frames())
                .anyMatch(f -> f.type() == Frame.DATA && f.text().equals("answer"));

        program.frame(Frame.FIN, 0, FLOW);
        assertThat(bench.takeFrames()).anyMatch(f -> f.type() == Frame.FIN && f.flowId() == id);
        bench.data(id, "more");
        assertThat(program.frames())
                .anyMatch(f -> f.type() == Frame.DATA && f.text().equals("more"));
        bench.frame(Frame.FIN, 0, id);
        assertThat(program.frames()).anyMatch(f -> f.type() == Frame.FIN);
        assertThat(counts.flows[Destination.TCP]).isZero();
    }

    @Test
    void aRefusalIsTheAgents() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.TCP, HOST, 23, "office");
        bench.frame(
                Frame.REFUSED,
                0,
                openedThere(),
                Unpooled.buffer()
                        .writeByte(Reason.CONNECTION_REFUSED.code())
                        .writeBytes("no telnet here".getBytes(StandardCharsets.US_ASCII))
                        .array());
        WebSocketMessage refused = program.one(Frame.REFUSED);
        assertThat(refused.payload().readUnsignedByte()).isEqualTo((short) Reason.CONNECTION_REFUSED.code());
        assertThat(refused.text()).contains("no telnet here");
        assertThat(counts.refused).isEqualTo(1);
    }

    @Test
    void whoGivesUpEndsWhatWasAskedFor() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.TCP, HOST, 22, "office");
        int id = openedThere();
        program.frame(Frame.RESET, 0, FLOW, (byte) Reason.CANCELLED.code());
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
        bench.opened(id); // too late
        assertThat(program.frames()).isEmpty();
    }

    @Test
    void aResetIsPassedOnWithItsReason() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.TCP, HOST, 22, "office");
        int id = openedThere();
        bench.opened(id);
        program.frames();
        bench.frame(Frame.RESET, 0, id, (byte) Reason.TIMED_OUT.code());
        assertThat(program.one(Frame.RESET).payload().readUnsignedByte()).isEqualTo((short) Reason.TIMED_OUT.code());
    }

    @Test
    void aProgramThatEndsEndsItsFlowsAndNoOthers() {
        JoiningProgram program = joined();
        JoiningProgram other = joined();
        program.open(FLOW, Destination.TCP, HOST, 22, "office");
        int first = openedThere();
        bench.opened(first);
        other.open(FLOW, Destination.TCP, HOST, 22, "office");
        int second = openedThere();
        bench.opened(second);
        other.frames();
        program.channel.close();
        bench.settle();
        assertThat(bench.takeFrames())
                .filteredOn(f -> f.type() == Frame.RESET)
                .extracting(WebSocketMessage::flowId)
                .containsExactly(first);
        bench.data(second, "still here");
        assertThat(other.one(Frame.DATA).text()).isEqualTo("still here");
        assertThat(counts.programs).isEqualTo(1);
    }

    /** What it has not asked for stays at the far side, by the credit of the client's own flow. */
    @Test
    void whatAProgramDoesNotTakeIsNotTakenFromTheFarSide() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.TCP, HOST, 22, "office");
        int id = openedThere();
        bench.opened(id);
        program.frames();
        String block = "x".repeat(16_384);
        long granted = 0;
        for (int i = 0; i < 4; i++) { // all that the client has granted at first
            bench.data(id, block);
        }
        for (WebSocketMessage f : bench.takeFrames()) {
            granted += f.type() == Frame.CREDIT ? f.payload().readUnsignedInt() : 0;
        }
        long sent = program.frames().stream()
                .filter(f -> f.type() == Frame.DATA)
                .mapToLong(f -> f.text().length())
                .sum();
        assertThat(sent).isEqualTo(65_536); // its own credit, of which it renews nothing
        // At the client lies what fits its buffer; nothing that is not read there is granted again without end.
        long most = 1 << 20;
        long more = granted;
        for (long given = granted; given > 0 && more < most; more += given) {
            for (long left = given; left > 0; left -= 16_384) {
                bench.data(id, "x".repeat((int) Math.min(left, 16_384)));
            }
            given = 0;
            for (WebSocketMessage f : bench.takeFrames()) {
                given += f.type() == Frame.CREDIT ? f.payload().readUnsignedInt() : 0;
            }
        }
        assertThat(more).isLessThan(most);
    }

    // ---- datagrams ----

    /** A question of DNS is sent once, and not again before seconds have passed. */
    @Test
    void theFirstDatagramNeedNotWait() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.UDP, HOST, 53, "office");
        program.frame(Frame.DATAGRAM, 0, FLOW, "question".getBytes(StandardCharsets.US_ASCII));
        List<WebSocketMessage> there = bench.takeFrames();
        assertThat(there).extracting(WebSocketMessage::type).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        int id = there.get(0).flowId();
        bench.opened(id);
        bench.frame(Frame.DATAGRAM, 0, id, "answer".getBytes(StandardCharsets.US_ASCII));
        assertThat(program.frames())
                .anyMatch(f -> f.type() == Frame.DATAGRAM && f.text().equals("answer"));
        assertThat(counts.flows[Destination.UDP]).isEqualTo(1);
        program.frame(Frame.RESET, 0, FLOW, (byte) Reason.CANCELLED.code());
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
    }

    @Test
    void aRefusalOfDatagramsEndsTheFlowForItsReason() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.UDP, HOST, 53, "office");
        bench.refused(openedThere(), Reason.PROHIBITED);
        assertThat(program.frames())
                .filteredOn(f -> f.type() == Frame.RESET)
                .singleElement()
                .satisfies(f -> assertThat(f.payload().readUnsignedByte()).isEqualTo((short) Reason.PROHIBITED.code()));
        assertThat(counts.refused).isEqualTo(1);
    }

    /** Its opening says how far the agent is. */
    @Test
    void aPingIsAnsweredWhenTheAgentHasAnswered() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.ICMP, HOST, 7, "office");
        int id = openedThere();
        assertThat(program.frames()).isEmpty();
        bench.opened(id);
        program.one(Frame.OPENED);
        program.frame(Frame.DATAGRAM, 0, FLOW, (byte) 0, (byte) 1);
        bench.oneFrame(Frame.DATAGRAM);
    }

    // ---- and what nobody should say ----

    @Test
    void aFlowNeedsAnAgent() {
        JoiningProgram program = joined();
        program.open(FLOW, Destination.TCP, HOST, 22, null);
        assertThat(program.one(Frame.REFUSED).payload().readUnsignedByte())
                .isEqualTo((short) Reason.PROTOCOL_ERROR.code());
        assertThat(bench.takeFrames()).isEmpty();
    }

    @Test
    void aLinkThatIsGoneIsSaidToBe() {
        JoiningProgram program = joined();
        bench.disconnect();
        program.open(FLOW, Destination.TCP, HOST, 22, "office");
        assertThat(program.one(Frame.REFUSED).payload().readUnsignedByte()).isEqualTo((short) Reason.LINK_LOST.code());
    }

    @Test
    void whoSaysAnythingEndsHisOwnLinkAtWorst() {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        System.out.println("seed " + seed + " (again with -Dculvert.seed)");
        Random random = new Random(seed);
        JoiningProgram good = joined();
        good.open(FLOW, Destination.TCP, HOST, 22, "office");
        int its = openedThere();
        bench.opened(its);
        good.frames();
        for (int run = 0; run < 60; run++) {
            JoiningProgram bad = new JoiningProgram(bench, programs, USER + 1);
            if (random.nextInt(4) > 0) {
                bad.say(JoiningProgram.ASK);
            }
            for (int step = 0; step < 40 && bad.channel.isOpen(); step++) {
                play(random, bad);
            }
            bad.channel.close();
            bench.settle();
            bench.takeFrames();
        }
        bench.data(its, "unharmed");
        assertThat(good.frames())
                .anyMatch(f -> f.type() == Frame.DATA && f.text().equals("unharmed"));
        assertThat(programs.count()).isEqualTo(1);
        good.channel.close();
    }

    private void play(Random random, JoiningProgram bad) {
        byte[] some = new byte[random.nextInt(40)];
        random.nextBytes(some);
        int id = 2 + random.nextInt(3);
        switch (random.nextInt(6)) {
            case 0 -> bad.send(Unpooled.wrappedBuffer(some));
            case 1 -> bad.frame(random.nextInt(24), random.nextInt(256), id, some);
            case 2 -> bad.frame(random.nextInt(24), 0, random.nextInt(), some);
            case 3 ->
                bad.open(
                        id,
                        List.of(Destination.TCP, Destination.UDP, Destination.ICMP)
                                .get(random.nextInt(3)),
                        HOST,
                        1 + random.nextInt(99),
                        random.nextInt(5) == 0 ? "no agent\n" : "office");
            case 4 -> bad.frame(random.nextBoolean() ? Frame.DATA : Frame.DATAGRAM, 0, id, some);
            default ->
                bench.takeFrames().stream().filter(f -> f.type() == Frame.OPEN).forEach(f -> {
                    if (random.nextBoolean()) {
                        bench.opened(f.flowId());
                    } else {
                        bench.refused(f.flowId(), Reason.of(random.nextInt(18)));
                    }
                });
        }
    }
}
