package dev.culvert.agent;

import dev.culvert.command.control.Questions;
import dev.culvert.token.AgentToken;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.HolderStatus;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;

/**
 * Answers {@code status} of a running agent. Blocks until the event loop has had its turn.
 *
 * @param given the token that it was started with
 * @param token as it is now
 */
record AgentStatusQuestion(
        String version,
        Clock clock,
        Instant since,
        Path state,
        HolderOptions.Holder given,
        Supplier<Token> token,
        Agent agent)
        implements Questions.Question {
    /** A loop's turn is some milliseconds; this is one that does not come. */
    private static final long PATIENCE_SECONDS = 10;

    /** What a running agent answers. */
    Questions questions() {
        Questions questions = new Questions("agent", version);
        questions.add("status", "how this agent is, its gateways, flows and sockets", this);
        return questions;
    }

    @Override
    public Object answer(JsonNode with) throws IOException {
        AgentMoment moment = moment();
        Instant now = clock.instant();
        return new AgentStatus(
                version,
                ProcessHandle.current().pid(),
                seconds(since),
                seconds(now),
                state.toString(),
                agent.instance(),
                HolderStatus.of(given, token.get(), now),
                ((AgentToken) given.token())
                        .routes().stream().map(Object::toString).toList(),
                moment.stopping(),
                moment.gateways().stream().map(one -> gateway(one, now)).toList(),
                moment.held(),
                moment.dialling(),
                moment.sockets(),
                new AgentStatus.Counters(
                        moment.opens(),
                        moment.denied(),
                        moment.failed().values().stream().mapToLong(n -> n).sum()));
    }

    private static AgentStatus.Gateway gateway(Attachment.Moment one, Instant now) {
        return new AgentStatus.Gateway(
                one.gateway(),
                one.linked() ? "up" : "down",
                seconds(now.minus(one.since())),
                one.rttMicros() > 0 ? one.rttMicros() / 1_000.0 : null,
                one.flows(),
                one.linked() ? null : one.trouble());
    }

    /** As the event loop knows it. Blocks. */
    AgentMoment moment() throws IOException {
        try {
            return agent.moment().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IOException("it could not be found out: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("the agent is too busy to say within " + PATIENCE_SECONDS + " s; try again", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the agent is stopping");
        }
    }

    private static Instant seconds(Instant at) {
        return at.truncatedTo(ChronoUnit.SECONDS);
    }
}
