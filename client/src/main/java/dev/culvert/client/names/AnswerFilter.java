package dev.culvert.client.names;

import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;

/** What an agent's resolver has answered goes through this before the asker gets it: here addresses can be made others. Event loop. */
public interface AnswerFilter {
    /** Leaves every answer as it is. */
    AnswerFilter NONE = (agent, question, answer) -> answer;

    /**
     * @param agent whose resolver has answered
     * @param answer of the question, with its id; taken
     * @return what the asker gets
     */
    ByteBuf answered(String agent, DnsMessage question, ByteBuf answer);
}
