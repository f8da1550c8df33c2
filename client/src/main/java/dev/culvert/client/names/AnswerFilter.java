package dev.culvert.client.names;

import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Between who asks here and an agent's resolver: addresses, and names of addresses, can be others there. Event loop. */
public interface AnswerFilter {
    /** Leaves every question and answer as it is. */
    AnswerFilter NONE = (agent, question, answer) -> answer;

    /**
     * @param agent whose resolver has answered
     * @param answer of the question, with its id; taken
     * @return what the asker gets
     */
    ByteBuf answered(String agent, DnsMessage question, ByteBuf answer);

    /**
     * @param domain in which a question is
     * @return the domain that stands for it at the agent; null when that is the same
     */
    default @Nullable String domainThere(String agent, String domain) {
        return null;
    }
}
