package dev.culvert.client.up;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.command.control.Questions;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.HolderStatus;
import dev.culvert.tun.device.TunStats;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;

/**
 * Answers {@code status} of a client that is up. Blocks until the event loop has had its turn.
 *
 * @param device the interface's name
 * @param given the token that it was started with
 * @param token as it is now
 * @param session asks it, on its event loop
 */
record ClientStatusQuestion(
        String version,
        Clock clock,
        Instant since,
        Path state,
        String device,
        List<InetAddress> addresses,
        HolderOptions.Holder given,
        Supplier<Token> token,
        Supplier<Future<TunSession.Report>> session,
        Supplier<TunStats> stats)
        implements Questions.Question {
    /** A loop's turn is some milliseconds; this is one that does not come. */
    private static final long PATIENCE_SECONDS = 10;

    /** What a client that is up answers. */
    Questions questions() {
        Questions questions = new Questions("client", version);
        questions.add("status", "how this client is, its link, agents, routes and flows", this);
        return questions;
    }

    @Override
    public Object answer(JsonNode with) throws IOException {
        TunSession.Report report = report();
        TunSession.Status status = report.status();
        Instant now = clock.instant();
        TunStats carried = stats.get();
        boolean linked = status.link().linked();
        List<ClientStatus.Agent> agents = new ArrayList<>();
        report.link()
                .networks()
                .forEach((name, networks) -> agents.add(new ClientStatus.Agent(
                        name,
                        status.link().agents().getOrDefault(name, 0),
                        networks.stream().map(Object::toString).toList())));
        return new ClientStatus(
                version,
                ProcessHandle.current().pid(),
                seconds(since),
                seconds(now),
                state.toString(),
                device,
                addresses.stream().map(AddressText::of).toList(),
                HolderStatus.of(given, token.get(), now),
                new ClientStatus.Link(
                        report.link().gateway(),
                        linked ? "up" : "down",
                        seconds(now.minus(report.link().since())),
                        linked && status.link().rttMicros() > 0 ? status.link().rttMicros() / 1_000.0 : null,
                        linked ? null : status.link().trouble()),
                agents,
                report.routes().entrySet().stream()
                        .map(r -> routed(r.getKey(), r.getValue()))
                        .toList(),
                new ClientStatus.Flows(
                        status.tcp(),
                        status.udp(),
                        status.echo(),
                        report.link().held(),
                        status.refused(),
                        report.joined()),
                new ClientStatus.Carried(carried.bytesIn(), carried.bytesOut()));
    }

    private static ClientStatus.Routed routed(IpPrefix network, RouteTable.Way way) {
        return new ClientStatus.Routed(
                network.toString(),
                way.agent(),
                way.map() == null ? null : way.map().toReal(network).toString());
    }

    /** As the event loop knows it. Blocks. */
    TunSession.Report report() throws IOException {
        try {
            return session.get().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IOException("it could not be found out: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("the client is too busy to say within " + PATIENCE_SECONDS + " s; try again", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the client is going down");
        }
    }

    private static Instant seconds(Instant at) {
        return at.truncatedTo(ChronoUnit.SECONDS);
    }
}
