package dev.culvert.client;

import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.text.Printable;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.ProfileCandidates;
import dev.culvert.token.holder.RenewedToken;
import dev.culvert.token.holder.SecretException;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client list}: asks the gateway what this token's holder may reach, beside a client that may be up. */
@Command(
        name = "list",
        description =
                "Shows what may be reached with this token: agents, the networks behind them, and what the gateway's"
                        + " policy has names for. Changes nothing on this machine.",
        mixinStandardHelpOptions = true)
final class ReachableCommand implements Callable<Integer> {
    /** Connecting has 15 s itself; the gateway says what there is as soon as the link is up. */
    private static final long PATIENCE_SECONDS = 20;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "PROFILE",
            completionCandidates = ProfileCandidates.class,
            description =
                    "Ask with the token that 'login' keeps under this name. Default: the last that was logged in with.")
    @Nullable
    String profile;

    @Mixin
    HolderOptions options = new HolderOptions();

    @Option(
            names = "--json",
            description = "Answer in JSON, as the gateway announces it (docs/protocol.md, section 8).")
    boolean json;

    @Override
    public Integer call() throws Exception {
        HolderOptions.Holder holder = options.read(Token.Kind.CLIENT, profile);
        ClientToken token = (ClientToken) holder.token();
        KeyPair keys = options.existingKeys(token);
        Announcement.Reachable reachable;
        try (RenewedToken renewed =
                new RenewedToken(holder, keys, options.directory(token.kind()), Clock.systemUTC(), line -> {})) {
            reachable = ask(holder, renewed, keys);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Printable.escape(new String(Announcement.encode(reachable), StandardCharsets.UTF_8)));
        } else {
            print(reachable, out);
        }
        out.flush();
        return CommandLine.ExitCode.OK;
    }

    /** With the renewed token, and with the one that was given when that is refused. */
    private Announcement.Reachable ask(HolderOptions.Holder holder, RenewedToken renewed, @Nullable KeyPair keys)
            throws IOException, SecretException {
        List<URI> gateways = holder.token().gateways();
        ProxyChoice proxies = options.proxies(holder);
        try {
            return ask(LinkConnector.all(gateways, holder.pin(), renewed.jwt(), keys, proxies));
        } catch (LinkRefusedException e) {
            if (renewed.jwt().equals(holder.jwt())) {
                throw e;
            }
            return ask(LinkConnector.all(gateways, holder.pin(), holder.jwt(), keys, proxies));
        }
    }

    /** The first gateway that answers; what the last one says if none does. */
    private static Announcement.Reachable ask(List<LinkConnector> connectors) throws IOException {
        for (int i = 0; ; i++) {
            try {
                return ask(connectors.get(i));
            } catch (IOException e) {
                if (i == connectors.size() - 1) {
                    throw e;
                }
            }
        }
    }

    private static Announcement.Reachable ask(LinkConnector connector) throws IOException {
        EventLoopGroup loops = EventLoops.create(1, "client");
        try {
            CompletableFuture<Announcement.Reachable> answer = new CompletableFuture<>();
            FlowMultiplexer link = new FlowMultiplexer(new Listener(answer));
            connector.connect(loops.next(), LinkSettings.DEFAULT, link).addListener(f -> {
                if (!f.isSuccess()) {
                    answer.completeExceptionally(f.cause());
                }
            });
            return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException(cause.getMessage(), cause);
        } catch (TimeoutException e) {
            throw new IOException(
                    "the gateway has not said within " + PATIENCE_SECONDS + " s what there is; try again", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
        }
    }

    /** Takes the first announcement and closes. */
    private record Listener(CompletableFuture<Announcement.Reachable> answer) implements FlowListener {
        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "a client answers no flows");
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload) throws ProtocolException {
            answer.complete(Announcement.decode(payload, Announcement.Reachable.class));
            link.link().close(1000, "done");
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            answer.completeExceptionally(new IOException("the link was closed: " + why));
        }
    }

    static void print(Announcement.Reachable reachable, PrintWriter out) {
        if (reachable.agents().isEmpty()) {
            out.println(Printable.line(
                    reachable.barred()
                            ? "nothing: the gateway's policy allows '" + reachable.client() + "' nothing now"
                            : "nothing: no agent that '" + reachable.client() + "' may use has connected yet"));
        }
        for (Announcement.ReachableAgent agent : reachable.agents()) {
            out.println("agent " + Printable.shorten(agent.name()) + ": "
                    + (agent.instances() == 0
                            ? "not connected"
                            : agent.instances() == 1 ? "connected" : agent.instances() + " instances"));
            if (!agent.routes().isEmpty()) {
                out.println(Printable.line("  networks: " + String.join(", ", agent.routes())));
            }
            for (Announcement.ReachableMap map : agent.maps()) {
                out.println(Printable.line("  " + map.network() + " is seen as " + map.as()));
            }
            for (Announcement.ReachableService service : agent.services()) {
                out.println(Printable.line("  " + service.name() + ": " + String.join(", ", service.targets()) + ", "
                        + (service.ports().equals("*") ? "everything" : service.ports())));
            }
        }
    }
}
