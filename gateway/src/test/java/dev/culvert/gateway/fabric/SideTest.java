package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.concurrent.EventExecutor;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A flow may end in the gateway itself: its other side is any {@link Side}, of which the switch knows no more than that. */
@NullUnmarked
final class SideTest {
    private final ByteArrayOutputStream audited = new ByteArrayOutputStream();
    private final AuditLog audit = AuditLog.to(audited);
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final TestFabric fabric = new TestFabric(audit, Clock.systemUTC(), 1_000);
    private final FrameSwitch agentSwitch = fabric.agent("office", null, "10.0.0.0/8");
    private final EmbeddedPeer agent = new EmbeddedPeer(agentSwitch, allocator);
    private final AuditRecord.Holder holder = new AuditRecord.Holder(9, "publication", "web", "none", null, "here");
    private final InProcess inProcess = new InProcess(agent.channel.eventLoop());

    /** What opens flows in the gateway: it has no link, and writes down what it is told. */
    private final class InProcess implements Side {
        final EventExecutor loop;
        final List<String> told = new ArrayList<>();

        InProcess(EventExecutor loop) {
            this.loop = loop;
        }

        FlowHalf open(int port) throws Exception {
            Destination d = Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), port);
            FlowRecord record = new FlowRecord(fabric.services, holder, "office", d, null, null);
            record.allowed("published");
            FlowHalf own = new FlowHalf(this, d, record);
            FlowHalf asked = own.towards(agentSwitch.side());
            asked.credit = 100; // what the agent may send
            ((AgentRole) fabric.fabric.presence().pick("office", 0, d, null))
                    .open(asked, own, new OpenRequest(d, "office", "web", null, 100, 0, null));
            return own;
        }

        void send(FlowHalf own, int type, String text) {
            FlowHalf peer = own.peer;
            peer.owner.take(peer, type, 0, Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
        }

        @Override
        public String kind() {
            return "publication";
        }

        @Override
        public String name() {
            return "web";
        }

        @Override
        public boolean accepts() {
            return false;
        }

        @Override
        public boolean isUp() {
            return true;
        }

        @Override
        public EventExecutor loop() {
            return loop;
        }

        @Override
        public boolean hand(Inbox.Item item) {
            throw new AssertionError("all is on one loop");
        }

        @Override
        public void close(int code, String why) {
            told.add("close " + code);
        }

        @Override
        public void take(FlowHalf half, int type, int flags, ByteBuf payload) {
            told.add((type == Frame.DATA ? "DATA " : "FIN") + payload.toString(StandardCharsets.UTF_8));
            payload.release();
        }

        @Override
        public void takeCredit(FlowHalf half, long bytes, int flags, long received, Side granter) {
            told.add("CREDIT " + bytes);
        }

        @Override
        public void takeOpened(FlowHalf half, Opened opened, String answerer) {
            told.add("OPENED " + opened.credit());
        }

        @Override
        public void takeRefused(FlowHalf half, ByteBuf payload) {
            told.add("REFUSED " + FrameRules.reason(payload));
            payload.release();
            half.close();
        }

        @Override
        public void takeReset(FlowHalf half, Reason reason) {
            told.add("RESET " + reason);
            half.close();
        }

        @Override
        public void takeFailure(FlowHalf half, FlowHalf asked, Reason reason) {
            told.add("failure " + reason);
            half.close();
        }
    }

    private static ByteBuf u32(long value) {
        return Unpooled.buffer().writeInt((int) value);
    }

    private static ByteBuf text(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    }

    private String flowsInAudit() {
        audit.close();
        return audited.toString(StandardCharsets.UTF_8)
                .lines()
                .filter(l -> l.contains("\"event\":\"flow\""))
                .reduce("", String::concat);
    }

    @AfterEach
    void nothingIsLeft() {
        agent.end();
        audit.close();
        assertThat(fabric.services.agentFlows().total()).isZero();
        assertThat(fabric.services.backlog().total()).isZero();
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void opensAFlowThatLivesAndEnds() throws Exception {
        agent.announce("i", "10.0.0.0/8");
        FlowHalf flow = inProcess.open(80);
        WebSocketMessage open = agent.take(Frame.OPEN).get(0);
        assertThat(OpenRequest.decode(open.payload()).client()).isEqualTo("web");
        agent.send(Frame.OPENED, 0, open.flowId(), u32(100).writeInt(7));
        inProcess.send(flow, Frame.DATA, "GET /");
        assertThat(agent.take(Frame.DATA))
                .singleElement()
                .satisfies(f ->
                        assertThat(f.payload().toString(StandardCharsets.UTF_8)).isEqualTo("GET /"));
        agent.send(Frame.DATA, 0, open.flowId(), text("200 OK"));
        agent.send(Frame.CREDIT, 0, open.flowId(), u32(5));
        agent.send(Frame.FIN, 0, open.flowId(), Unpooled.EMPTY_BUFFER);
        assertThat(inProcess.told).containsExactly("OPENED 100", "DATA 200 OK", "CREDIT 5", "FIN");
        assertThat(agentSwitch.side().flowCount()).isOne();
        inProcess.send(flow, Frame.FIN, "");
        assertThat(agent.take(Frame.FIN)).hasSize(1);
        assertThat(agentSwitch.side().flowCount()).isZero();
        flow.close();
        assertThat(flowsInAudit()).contains("\"rule\":\"published\"", "\"bytesDown\":6", "\"end\":\"finished\"");
    }

    @Test
    void isToldOfWhatIsRefusedAndReset() throws Exception {
        agent.announce("i", "10.0.0.0/8");
        inProcess.open(1);
        inProcess.open(2);
        inProcess.open(3);
        List<WebSocketMessage> opens = agent.take(Frame.OPEN);
        agent.send(Frame.REFUSED, 0, opens.get(0).flowId(), Unpooled.buffer().writeByte(1));
        agent.send(Frame.OPENED, 0, opens.get(1).flowId(), u32(1).writeInt(7));
        agent.send(Frame.RESET, 0, opens.get(1).flowId(), Unpooled.buffer().writeByte(Reason.LINK_LOST.code()));
        agent.end();
        assertThat(inProcess.told)
                .containsExactly(
                        "REFUSED " + Reason.CONNECTION_REFUSED,
                        "OPENED 1",
                        "RESET " + Reason.LINK_LOST,
                        "RESET " + Reason.LINK_LOST);
    }

    /** What the agent may send is bounded as on any flow: beyond that its own link ends, and nothing of it reaches the side. */
    @Test
    void isNotSentMoreThanItHasGranted() throws Exception {
        agent.announce("i", "10.0.0.0/8");
        inProcess.open(80);
        int id = agent.take(Frame.OPEN).get(0).flowId();
        agent.send(Frame.OPENED, 0, id, u32(1).writeInt(7));
        agent.send(Frame.DATA, 0, id, Unpooled.buffer().writeZero(101));
        agent.take();
        assertThat(agent.close).startsWith("1002 DATA for flow").endsWith("beyond its credit");
        assertThat(inProcess.told).containsExactly("OPENED 1", "RESET " + Reason.LINK_LOST);
    }

    @Test
    void hearsThatTheAgentHasGone() throws Exception {
        agent.announce("i", "10.0.0.0/8");
        AgentRole gone = (AgentRole) fabric.fabric.presence().pick("office", 0, TestNetwork.tcp("10.0.0.1", 1), null);
        agent.end();
        Destination d = TestNetwork.tcp("10.0.0.1", 1);
        FlowHalf own = new FlowHalf(inProcess, d, new FlowRecord(fabric.services, holder, "office", d, null, null));
        gone.open(own.towards(gone.side()), own, new OpenRequest(d, "office", "web", null, 100, 0, null));
        assertThat(inProcess.told).containsExactly("failure " + Reason.NO_AGENT);
    }
}
