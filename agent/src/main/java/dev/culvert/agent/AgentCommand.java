package dev.culvert.agent;

import dev.culvert.address.HostPattern;
import dev.culvert.command.Completing;
import dev.culvert.command.LogOptions;
import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.command.Signals;
import dev.culvert.command.Subcommands;
import dev.culvert.command.control.ControlOptions;
import dev.culvert.command.metrics.MetricsOptions;
import dev.culvert.command.service.Supervisor;
import dev.culvert.policy.publication.Publication;
import dev.culvert.text.Printable;
import dev.culvert.token.AgentToken;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderKeyCommand;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.HolderServiceCommand;
import dev.culvert.token.holder.LoginCommand;
import dev.culvert.token.holder.LogoutCommand;
import dev.culvert.token.holder.ProfileCandidates;
import dev.culvert.token.holder.ProfileOption;
import dev.culvert.token.holder.ProfilesCommand;
import dev.culvert.token.holder.RenewedToken;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.link.LinkSettings;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code agent} command. */
@Command(
        name = "agent",
        description =
                "Serves the networks of its token: runs inside a LAN, without privileges, and dials what clients ask for.",
        mixinStandardHelpOptions = true,
        footerHeading =
                "%nExit codes: 1 it failed, 2 wrong usage, 129, 130 or 143 ended by SIGHUP (without --publications), SIGINT or SIGTERM. A gateway that cannot be reached, or that refuses the token, is asked again.%n",
        footer =
                "The token is what 'agent login' keeps, unless it comes from --token-file, from CULVERT_TOKEN, or from standard input (--token-file -).")
public final class AgentCommand implements Callable<Integer>, Completing, Subcommands {
    private static final Logger log = LoggerFactory.getLogger(AgentCommand.class);

    /** Draining and closing the links takes less than this. */
    private static final Duration SHUTDOWN =
            Draining.GRACE.plus(Draining.ANSWER).plusSeconds(4);

    @Mixin
    HolderOptions options = new HolderOptions();

    @Mixin
    ProfileOption profile = new ProfileOption();

    @Option(
            names = "--publish",
            paramLabel = "PUBLIC=TARGET",
            description = {
                "Have the gateway publish a service: app.example.com=http://192.168.77.10:8080 or",
                "tcp:2222=192.168.77.10:22; repeatable. The token must hold the right, and the gateway's policy allow it.",
                "What asks for passwords (basic-auth) is for --publications: a command line is no secret."
            })
    List<String> publish = new ArrayList<>();

    @Option(
            names = "--publications",
            paramLabel = "FILE",
            description = "The same by a YAML file, read again when it changes and on SIGHUP.")
    @Nullable
    Path publications;

    @Option(
            names = "--domain",
            paramLabel = "DOMAIN",
            description =
                    "Clients that may ask this machine's name servers about names in this domain do so without being told; repeatable, or separated by commas.")
    List<String> domains = new ArrayList<>();

    @Option(
            names = "--search-domains",
            description =
                    "The same for the domains that /etc/resolv.conf has programs here search, as they are when a link comes up.")
    boolean searchDomains;

    @Mixin
    ControlOptions control = new ControlOptions();

    @Mixin
    LogOptions logs = new LogOptions();

    @Mixin
    MetricsOptions metrics = new MetricsOptions();

    @Spec
    CommandSpec spec = CommandSpec.create();

    /** Used by picocli. */
    public AgentCommand() {}

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        Program.main(new AgentCommand(), args);
    }

    @Override
    public List<Class<?>> subcommands() {
        return List.of(
                LoginCommand.class,
                AgentStatusCommand.class,
                AgentDoctorCommand.class,
                ProfilesCommand.class,
                LogoutCommand.class,
                HolderServiceCommand.class,
                HolderKeyCommand.class);
    }

    @Override
    public List<String> candidates(String kind) throws IOException {
        return kind.equals(ProfileCandidates.KIND) ? ProfileCandidates.of("agent") : List.of();
    }

    private List<Publication> parsed() {
        try {
            return parsed(publish);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--publish: " + e.getMessage());
        }
    }

    private List<String> parsedDomains() {
        List<String> list = new ArrayList<>();
        for (String text : domains) {
            for (String one : text.split(",")) {
                String name = HostPattern.normalize(one);
                if (name == null || name.indexOf('.') < 0) {
                    throw new ParameterException(
                            spec.commandLine(),
                            "--domain '" + Printable.shorten(one)
                                    + "' is no domain of two labels or more: write it like corp.example");
                }
                list.add(name);
            }
        }
        if (list.size() > Announcement.Agent.MAX_DOMAINS) {
            throw new ParameterException(
                    spec.commandLine(), "--domain: at most " + Announcement.Agent.MAX_DOMAINS + " are announced");
        }
        return list;
    }

    /** @throws IllegalArgumentException with cause and cure in one line, and without hashes of passwords */
    static List<Publication> parsed(List<String> texts) {
        List<Publication> said = texts.stream().map(Publication::parse).toList();
        for (Publication one : said) {
            if (!one.options().users().isEmpty()) {
                throw new IllegalArgumentException("publication '" + one.at()
                        + "' has hashes of passwords, which everybody on this machine can read on a command line;"
                        + " write it in a file, with --publications FILE");
            }
        }
        return PublicationsFile.joined(said, List.of());
    }

    /** Tells whoever asks how it is, until that is closed. */
    private Closeable answer(HolderOptions.Holder holder, RenewedToken renewed, Agent agent) throws IOException {
        Path state = options.directory(Token.Kind.AGENT);
        AgentStatusQuestion status = new AgentStatusQuestion(
                Program.version(spec), Clock.systemUTC(), Instant.now(), state, holder, renewed::token, agent);
        Closeable measured = metrics.open(new AgentMetrics(status), log::info, log::warn);
        Closeable answering = control.open(state.resolve(AgentStatusCommand.SOCKET), status.questions(), log::info);
        return () -> {
            measured.close();
            answering.close();
        };
    }

    @Override
    public Integer call() throws Exception {
        HolderOptions.Holder holder = options.read(Token.Kind.AGENT, profile.name());
        AgentToken token = (AgentToken) holder.token();
        KeyPair keys = options.keys(token);
        RenewedToken renewed =
                new RenewedToken(holder, keys, options.directory(token.kind()), Clock.systemUTC(), log::warn);
        List<LinkConnector> connectors = LinkConnector.all(
                GatewayUrls.canonical(token.gateways()), holder.pin(), holder.jwt(), keys, options.proxies(holder));
        LinkConnector.renewing(connectors, renewed.jwt(), renewed::offer);
        List<Publication> byOptions = parsed();
        List<String> announced = parsedDomains();
        PublicationsFile file = publications == null ? null : new PublicationsFile(publications, byOptions);
        List<Publication> first = file == null ? byOptions : file.load();
        Shutdown stop = new Shutdown(SHUTDOWN);
        Supervisor supervisor = Supervisor.of(System.getenv(), log::warn);
        try (PublicationsFile watched = file;
                Instance instance = Instance.noted(() -> options.directory(token.kind()), token.name());
                Agent agent = new Agent(token, instance, connectors, LinkSettings.DEFAULT)) {
            Closeable answering = answer(holder, renewed, agent);
            try {
                agent.announceDomains(announced, searchDomains);
                agent.publish(first);
                agent.start();
                supervisor.readyWith(agent.connected(), "agent '" + token.name() + "', connected");
                renewed.start(jwt -> connectors.forEach(one -> one.show(jwt)));
                if (watched != null) {
                    watched.watch(agent::publish);
                    String unheard = Signals.handle("HUP", () -> watched.lookSoon(agent::publish));
                    if (unheard != null) {
                        log.info("SIGHUP does not reload here ({}); changes of the file do", unheard);
                    }
                }
                stop.await();
                supervisor.stopping();
                CompletableFuture.anyOf(agent.drain(), stop.askedAgain()).join();
            } finally {
                answering.close();
            }
            return CommandLine.ExitCode.OK;
        } finally {
            renewed.close();
            stop.done();
        }
    }
}
