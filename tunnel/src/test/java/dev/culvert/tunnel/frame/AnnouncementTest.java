package dev.culvert.tunnel.frame;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AnnouncementTest {
    private static Announcement.Reachable decode(String json) throws ProtocolException {
        return Announcement.decode(
                Unpooled.wrappedBuffer(json.getBytes(StandardCharsets.UTF_8)), Announcement.Reachable.class);
    }

    private static String agent(String members) {
        return "{\"client\":\"c\",\"agents\":[{\"name\":\"a\",\"routes\":[]" + members + "}]}";
    }

    static List<String> hostile() {
        String deep = "[".repeat(20_000);
        return List.of(
                "{\"client\":\"c\",\"agents\":[],\"later\":" + deep,
                deep,
                "{\"a\":".repeat(10_000),
                "{\"client\":\"c\",\"agents\":[],\"later\":" + "[".repeat(40) + "]".repeat(40) + "}",
                "{\"client\":\"c\",\"client\":\"d\",\"agents\":[]}",
                agent(",\"routes\":[\"0.0.0.0/0\"]"),
                agent(",\"later\":{\"x\":1,\"x\":2}"),
                agent(",\"instances\":" + "9".repeat(60_000)),
                agent(",\"instances\":9999999999"),
                agent(",\"instances\":1e999999999"),
                agent(",\"instances\":-1"),
                agent(",\"later\":" + "1".repeat(33)),
                "{\"client\":\"" + "x".repeat(65_000) + "\",\"agents\":[]}",
                "{\"client\":\"c\",\"agents\":[{\"name\":\"" + "x".repeat(65_000) + "\",\"routes\":[]}]}",
                agent(",\"services\":[{\"name\":\"" + "s".repeat(256) + "\",\"targets\":[],\"ports\":\"*\"}]"),
                agent(",\"services\":[{\"name\":\"s\",\"targets\":[],\"ports\":\"" + "1,".repeat(5_000) + "\"}]"),
                "{\"client\":\"c\",\"agents\":[null]}",
                "{\"client\":\"c\",\"agents\":{}}",
                "null",
                "");
    }

    @ParameterizedTest
    @MethodSource("hostile")
    void whatNoGatewayMeansIsAViolationAndNothingElse(String json) {
        assertThatThrownBy(() -> decode(json))
                .isInstanceOf(ProtocolException.class)
                .hasMessageStartingWith("ANNOUNCE");
    }

    private static Announcement.Agent decodeAgent(String members) throws ProtocolException {
        String json = "{\"instance\":\"i\",\"routes\":[]" + members + "}";
        return Announcement.decode(
                Unpooled.wrappedBuffer(json.getBytes(StandardCharsets.UTF_8)), Announcement.Agent.class);
    }

    @Test
    void anAgentSaysWhichInstancesItReplaces() throws ProtocolException {
        Announcement.Agent said =
                new Announcement.Agent("i", "1", List.of("10.0.0.0/8"), true, List.of("before", "and-before"));
        assertThat(Announcement.decode(Unpooled.wrappedBuffer(Announcement.encode(said)), Announcement.Agent.class))
                .isEqualTo(said);
        assertThat(decodeAgent(",\"replaces\":[\"x\"]").replaces()).containsExactly("x");
        assertThat(decodeAgent("").replaces()).as("an older agent's").isEmpty();
        assertThat(decodeAgent(",\"replaces\":null").replaces()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"[null]", "\"x\"", "[[\"x\"]]", "[{}]", "7"})
    void whatReplacesNoInstanceIsAViolation(String replaces) {
        assertThatThrownBy(() -> decodeAgent(",\"replaces\":" + replaces))
                .isInstanceOf(ProtocolException.class)
                .hasMessageStartingWith("ANNOUNCE");
    }

    @Test
    void anAgentSaysWhatItPublishes() throws ProtocolException {
        Announcement.Agent said = new Announcement.Agent(
                "i", "1", List.of("10.0.0.0/8"), true, List.of(), List.of("a.example=http://10.0.0.1:80"));
        assertThat(Announcement.decode(Unpooled.wrappedBuffer(Announcement.encode(said)), Announcement.Agent.class))
                .isEqualTo(said);
        assertThat(decodeAgent("").publish()).as("an older agent's").isEmpty();
        assertThat(decodeAgent(",\"publish\":null").publish()).isEmpty();
        assertThatThrownBy(() -> decodeAgent(",\"publish\":[null]")).isInstanceOf(ProtocolException.class);
    }

    /** What agents before this one read has not changed, and what such gateways said is read. */
    @Test
    void anAnswerHasOnlyWhatItIsTo() throws ProtocolException {
        assertThat(new String(Announcement.encode(Announcement.Answer.others(3)), StandardCharsets.UTF_8))
                .isEqualTo("{\"others\":3}");
        assertThat(new String(Announcement.encode(Announcement.Answer.refused(List.of())), StandardCharsets.UTF_8))
                .isEqualTo("{\"refused\":[]}");
        assertThat(answer("{\"others\":3}")).isEqualTo(Announcement.Answer.others(3));
        assertThat(answer("{\"refused\":[{\"publication\":\"a\",\"why\":\"b\",\"later\":1}]}"))
                .isEqualTo(Announcement.Answer.refused(List.of(new Announcement.Refused("a", "b"))));
        assertThat(answer("{}").others()).isNull();
        assertThatThrownBy(() -> answer("{\"refused\":[{\"why\":\"b\"}]}")).isInstanceOf(ProtocolException.class);
        assertThatThrownBy(() -> answer("{\"others\":-1}")).isInstanceOf(ProtocolException.class);
    }

    private static Announcement.Answer answer(String json) throws ProtocolException {
        return Announcement.decode(
                Unpooled.wrappedBuffer(json.getBytes(StandardCharsets.UTF_8)), Announcement.Answer.class);
    }

    @Test
    void mapsAreSaidOnlyWhereThereAreSome() throws ProtocolException {
        Announcement.ReachableAgent plain = new Announcement.ReachableAgent("a", 1, List.of("192.168.1.0/24"));
        assertThat(new String(Announcement.encode(plain), StandardCharsets.UTF_8))
                .doesNotContain("maps");
        Announcement.ReachableAgent mapped = new Announcement.ReachableAgent(
                "a",
                1,
                List.of("192.168.1.0/24"),
                List.of(),
                List.of(new Announcement.ReachableMap("192.168.1.0/24", "10.77.0.0/24")));
        byte[] json = Announcement.encode(new Announcement.Reachable("c", List.of(mapped)));
        assertThat(Announcement.decode(Unpooled.wrappedBuffer(json), Announcement.Reachable.class)
                        .agents())
                .containsExactly(mapped);
        assertThat(decode(agent(",\"instances\":1")).agents().get(0).maps())
                .as("an older gateway says none")
                .isEmpty();
        assertThatThrownBy(() -> decode(agent(",\"instances\":1,\"maps\":[{\"network\":\"10.0.0.0/8\"}]")))
                .isInstanceOf(ProtocolException.class);
    }

    @Test
    void whatALaterVersionAddsIsSkipped() throws ProtocolException {
        Announcement.Reachable said =
                decode(agent(",\"instances\":2,\"later\":{\"deep\":[[{\"x\":" + "1".repeat(32) + "}]]}"));
        assertThat(said.barred()).isFalse();
        assertThat(said.agents()).containsExactly(new Announcement.ReachableAgent("a", 2, List.of()));
        assertThat(decode("{\"client\":\"c\",\"agents\":[],\"barred\":true}").barred())
                .isTrue();
    }
}
