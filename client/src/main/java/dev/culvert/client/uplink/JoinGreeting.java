package dev.culvert.client.uplink;

import dev.culvert.text.Printable;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What is said when a program joins a client that is up: on its socket for flows a line each way, in the form of those of the control
 * socket. Behind these the connection is a link, of which the client that is up has the gateway's end.
 */
public final class JoinGreeting {
    /** Bytes of a line. */
    public static final int MAX_LINE = 4 << 10;

    /** Of the link protocol. In this one flows end with their link, and this link ends with one of the two processes only. */
    public static final int LINK_VERSION = 1;

    /** When one of the two ends, the kernel says so; one that is stopped (Ctrl-Z) keeps its flows for as long as they are kept elsewhere. */
    public static final LinkSettings LINK = new LinkSettings(Duration.ofMinutes(1), FlowSession.HOLD);

    private static final int VERSION = 1;
    private static final String ASK = "join";
    private static final JsonMapper JSON = JsonMapper.shared();

    private JoinGreeting() {}

    /** Says in one line for people why a program cannot join. */
    public static final class Refused extends IOException {
        private static final long serialVersionUID = 1;

        Refused(String why) {
            super(why);
        }

        @Override
        public Throwable fillInStackTrace() {
            return this;
        }
    }

    /**
     * What one who has joined is told.
     *
     * @param process of the client that is up
     * @param roundTripMicros of its link to the gateway, least; 0 when it is not known yet
     */
    public record Welcome(long process, long roundTripMicros) {}

    /** Asks to join. The caller's to write. */
    static ByteBuf ask(String tokenId) {
        return line(Map.of("culvert", VERSION, "ask", ASK, "with", Map.of("token", tokenId, "link", LINK_VERSION)));
    }

    /**
     * Reads what is asked. {@code line} is borrowed.
     *
     * @return the id of the token that the program would use
     */
    public static String asked(ByteBuf line) throws Refused {
        JsonNode said = read(line);
        JsonNode with = said.path("with");
        if (!said.path("ask").asString("").equals(ASK) || !with.path("token").isString()) {
            throw new Refused(
                    "who joins says {\"culvert\": 1, \"ask\": \"join\", \"with\": {\"token\": ID, \"link\": 1}}");
        }
        if (with.path("link").asInt(0) < LINK_VERSION) {
            throw new Refused("of the link protocol version " + LINK_VERSION + " is spoken here");
        }
        return with.path("token").stringValue();
    }

    /** Answers that it has joined. The caller's to write. */
    public static ByteBuf welcome(String version, Welcome welcome) {
        return answer(
                version,
                "answer",
                Map.of(
                        "link",
                        LINK_VERSION,
                        "process",
                        welcome.process(),
                        "roundTripMicros",
                        welcome.roundTripMicros()));
    }

    /** Answers why not. The caller's to write. */
    public static ByteBuf refusal(String version, String why) {
        return answer(version, "error", Printable.line(why));
    }

    /** Reads what is answered. {@code line} is borrowed. */
    static Welcome answered(ByteBuf line) throws Refused {
        JsonNode said = read(line);
        String error = said.path("error").asString("");
        if (!error.isEmpty()) {
            throw new Refused(Printable.text(error));
        }
        JsonNode answer = said.path("answer");
        if (answer.path("link").asInt(0) != LINK_VERSION) {
            throw new Refused("it answers what this version does not understand");
        }
        return new Welcome(
                answer.path("process").asLong(0),
                Math.max(0, answer.path("roundTripMicros").asLong(0)));
    }

    private static ByteBuf answer(String version, String member, Object value) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("culvert", VERSION);
        all.put("program", "client");
        all.put("version", version);
        all.put(member, value);
        return line(all);
    }

    private static ByteBuf line(Map<String, ?> said) {
        return Unpooled.copiedBuffer(JSON.writeValueAsString(said) + '\n', StandardCharsets.UTF_8);
    }

    private static JsonNode read(ByteBuf line) throws Refused {
        try {
            return JSON.readTree(line.toString(StandardCharsets.UTF_8));
        } catch (JacksonException e) {
            throw new Refused("what is said is no line of JSON: " + e.getOriginalMessage());
        }
    }
}
