package dev.culvert.gateway.command;

import dev.culvert.address.AddressText;
import dev.culvert.command.GatewayUrl;
import dev.culvert.command.LogOptions;
import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.command.Signals;
import dev.culvert.command.Subcommands;
import dev.culvert.command.control.ControlOptions;
import dev.culvert.command.metrics.MetricsOptions;
import dev.culvert.command.service.Supervisor;
import dev.culvert.gateway.Gateway;
import dev.culvert.gateway.GatewaySettings;
import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.access.GatewayAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.dashboard.DashboardOptions;
import dev.culvert.store.StateException;
import dev.culvert.text.LogFormat;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.token.store.StoreOptions;
import dev.culvert.tunnel.link.GatewayTrust;
import java.io.Closeable;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The {@code gateway} command. */
@Command(
        name = "gateway",
        description = "The public hub of a Culvert network: clients and agents connect to it.",
        mixinStandardHelpOptions = true,
        footerHeading =
                "%nExit codes: 1 it failed, 2 wrong usage, 7 the store is away, 130 or 143 ended by SIGINT or SIGTERM.%n",
        footer = "Without options it makes its keys, listens on port 443 and says what to do next.")
public final class GatewayCommand implements Callable<Integer>, CommandLine.IExitCodeExceptionMapper, Subcommands {
    private static final Logger log = LoggerFactory.getLogger(GatewayCommand.class);

    /** Addresses of this machine that go into the certificate; it holds 100 names, and a container host has thousands. */
    private static final int MAX_OWN_NAMES = 64;

    @Option(
            names = "--listen",
            paramLabel = "[HOST]:PORT",
            defaultValue = ":443",
            description = "Address and port to listen on. Default: ${DEFAULT-VALUE}, on every address.")
    String listen = ":443";

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description =
                    "Directory for keys and certificates. Default: $$CULVERT_STATE, else /var/lib/culvert as root.")
    @Nullable
    Path state;

    @Mixin
    StoreOptions store = new StoreOptions();

    @Option(
            names = "--url",
            paramLabel = "URL",
            converter = GatewayUrl.class,
            description =
                    "Where agents and clients find this gateway, such as wss://vpn.example:443; goes into new tokens.")
    @Nullable
    URI url;

    @Option(
            names = "--audit",
            paramLabel = "FILE",
            description = {
                "Write the audit log there, - for standard output, 'none' for nowhere.",
                "Flows go into a file beside it, like audit-flows.jsonl. Default: audit.jsonl in the state directory."
            })
    @Nullable
    String audit;

    @Option(
            names = "--policy",
            paramLabel = "FILE",
            description = "Policy file, read again when it changes and on SIGHUP. Default: policy.yaml in the state"
                    + " directory, if it is there; without one the tokens' grants alone decide. Gateways on one store have theirs"
                    + " there: see 'gateway policy push'.")
    @Nullable
    Path policy;

    @Mixin
    PublishingOptions publishing = new PublishingOptions();

    @Option(names = "--plain", description = "No TLS: plain ws, for use behind a proxy that ends TLS.")
    boolean plain;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Event loops. Default: one less than there are processors, at least one.")
    int threads = Math.max(1, Runtime.getRuntime().availableProcessors() - 1);

    @Mixin
    ControlOptions control = new ControlOptions();

    @Mixin
    LogOptions logs = new LogOptions();

    @Mixin
    MetricsOptions metrics = new MetricsOptions();

    @Option(
            names = "--metrics-clients",
            description = "With --metrics: also figures of each client, by its name; for whoever may read them.")
    boolean metricsClients;

    @Mixin
    DashboardOptions dashboard = new DashboardOptions();

    /** Used by picocli. */
    public GatewayCommand() {}

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        Program.main(new GatewayCommand(), args);
    }

    static CommandLine commandLine() {
        return Program.commandLine(new GatewayCommand());
    }

    @Override
    public List<Class<?>> subcommands() {
        return List.of(
                StatusCommand.class,
                DashboardCommand.class,
                PublishCommand.class,
                PolicyCommand.class,
                AgentsCommand.class,
                GatewayServiceCommand.class,
                GatewayDoctorCommand.class);
    }

    @Override
    public int getExitCode(Throwable failed) {
        return StoreOptions.exitCode(failed);
    }

    @Override
    public Integer call() throws IOException {
        InetSocketAddress address = parseListen("--listen", listen);
        if (threads < 1 || threads > 1024) {
            throw new ParameterException(commandLine(), "--threads " + threads + ": allowed are 1 to 1024");
        }
        Path path = state != null ? state : StateDirectory.defaultPath();
        StateDirectory directory =
                StateDirectory.openToServe(path, Clock.systemUTC(), store.served(path, System.getenv()));
        directory.warnings().forEach(w -> System.err.println(Program.line("gateway", "WARN", "warning: " + w)));
        Closeable claim = directory.claim();
        try {
            return serve(address, directory);
        } finally {
            claim.close();
        }
    }

    private Integer serve(InetSocketAddress address, StateDirectory directory) throws IOException {
        boolean guessed = false;
        if (url != null) {
            try {
                call(directory, GatewayUrls.require(url));
            } catch (IllegalArgumentException e) {
                throw new ParameterException(commandLine(), "--url: " + e.getMessage());
            }
        } else if (directory.gatewayUrl() == null) {
            call(directory, guessUrl(address));
            guessed = true;
        }
        URI gatewayUrl = url != null ? url : java.util.Objects.requireNonNull(directory.gatewayUrl());
        PublishingSettings names = publishing.settings();
        if (plain && !names.publicNames().isEmpty()) {
            throw new ParameterException(
                    commandLine(), "--public-name: with --plain the proxy in front shows certificates");
        }
        Shutdown stop = new Shutdown(Gateway.CLOSING);
        GatewaySettings settings = GatewaySettings.of(directory, address)
                .url(own(directory, url))
                .secure(!plain)
                .names(certificateNames(gatewayUrl))
                .threads(threads)
                .audit(auditLog(directory))
                .policy(policy)
                .publishing(names);
        try (Gateway gateway = new Gateway(settings)) {
            Closeable measured = metrics.open(gateway.metrics(metricsClients), log::info, log::warn);
            Closeable shown = dashboard.open(gateway.sight(), gateway.questions(), log::info, log::warn);
            Closeable answering =
                    control.open(directory.path().resolve(StatusCommand.SOCKET), gateway.questions(), log::warn);
            Supervisor supervisor = Supervisor.of(System.getenv(), log::warn);
            String status = "listening on port " + gateway.address().getPort();
            try {
                String unheard = Signals.handle(
                        "HUP",
                        () -> { // as daemons are told to read their settings again
                            supervisor.reloading();
                            gateway.reloadPolicy().thenRun(() -> supervisor.ready(status));
                        });
                if (unheard != null) {
                    log.info("SIGHUP does not reload here ({}); changes of the file do", unheard);
                }
                if (!stop.asked().isDone()) { // else there is no next
                    sayWhatNext(gateway, directory, gatewayUrl, guessed);
                }
                supervisor.ready(status);
                stop.await();
                supervisor.stopping();
                stop.askedAgain().thenRun(gateway::hurry);
            } finally {
                measured.close();
                shown.close();
                answering.close();
            }
        } finally {
            stop.done();
        }
        return CommandLine.ExitCode.OK;
    }

    /** What others on the store are called stays. */
    static void call(StateDirectory directory, URI own) throws StateException {
        if (directory.isOfCluster()) {
            directory.addGatewayUrl(own);
        } else if (!directory.gatewayUrls().contains(own)) {
            directory.setGatewayUrls(List.of(own));
        }
    }

    /**
     * Which of the URLs that tokens name is this gateway's.
     *
     * @param given null if none was
     * @return null when that is not known: of several gateways each may be the only one that has been named
     */
    static @Nullable URI own(StateDirectory directory, @Nullable URI given) throws StateException {
        if (given != null || directory.isOfCluster()) {
            return given;
        }
        List<URI> all = directory.gatewayUrls();
        return all.size() == 1 ? all.get(0) : null;
    }

    private AuditLog auditLog(StateDirectory directory) throws IOException {
        if ("none".equals(audit)) {
            return AuditLog.none();
        }
        return "-".equals(audit)
                ? AuditLog.to(System.out)
                : AuditLog.to(audit != null ? Path.of(audit) : directory.path().resolve(StateDirectory.AUDIT));
    }

    private void sayWhatNext(Gateway gateway, StateDirectory directory, URI gatewayUrl, boolean guessed)
            throws IOException {
        InetSocketAddress at = gateway.address();
        say("listening on " + AddressText.of(at.getAddress()) + " port " + at.getPort()
                + (plain ? " (plain ws)" : " (TLS by " + GatewayTrust.providerName() + ")") + ", state in "
                + directory.path());
        say("tokens say "
                + directory.gatewayUrls().stream().map(URI::toString).collect(Collectors.joining(", "))
                + (guessed ? " (a guess: set the right one with --url wss://NAME:" + at.getPort() + ")" : ""));
        if (!plain) {
            say("CA pin " + directory.caPin());
        }
        if (!hasMadeTokens(directory)) {
            String options =
                    directory.path().equals(StateDirectory.defaultPath()) ? "" : " --state " + directory.path();
            List<String> next = firstTokens(options + store.repeated(System.getenv()));
            if (LogFormat.current() == LogFormat.TEXT) { // for who sits before it
                next.forEach(System.out::println);
            }
        }
        System.out.flush();
    }

    private static void say(String line) {
        System.out.println(Program.line("gateway", "INFO", line));
    }

    /** @param options where this gateway's keys are */
    static List<String> firstTokens(String options) {
        return List.of(
                "gateway: next, make tokens:",
                "  token agent" + options + " --name office --routes 192.168.77.0/24 --out office.token",
                "  token client" + options + " --name laptop --allow office:192.168.77.0/24 --out laptop.token",
                "then run 'agent --token-file office.token' in the office, 'sudo client up --token-file laptop.token' on the laptop");
    }

    /** Or can make none here: whoever keeps the signing key elsewhere knows how. */
    static boolean hasMadeTokens(StateDirectory directory) {
        try {
            return !directory.keys().canSign() || !directory.issued().read().isEmpty();
        } catch (StateException e) {
            return true; // a gateway works without the list
        }
    }

    private static URI guessUrl(InetSocketAddress listen) {
        String host = GatewayAddresses.orNone().stream()
                .filter(a -> a instanceof Inet4Address)
                .map(AddressText::of)
                .findFirst()
                .orElse("localhost");
        return URI.create("wss://" + host + ":" + listen.getPort());
    }

    private static Set<String> certificateNames(URI url) {
        Set<String> names = new LinkedHashSet<>();
        names.add(AddressText.host(url));
        names.add("localhost");
        GatewayAddresses.orNone().stream().limit(MAX_OWN_NAMES).forEach(a -> names.add(AddressText.of(a)));
        return names;
    }

    static InetSocketAddress parseListen(String option, String text) {
        int colon = text.lastIndexOf(':');
        try {
            int port = Integer.parseInt(text.substring(colon + 1));
            if (port < 0 || port > 65535) {
                throw new NumberFormatException();
            }
            String host = colon < 0 ? "" : text.substring(0, colon);
            if (host.startsWith("[") && host.endsWith("]")) {
                host = host.substring(1, host.length() - 1);
            }
            return host.isEmpty() || host.equals("*")
                    ? new InetSocketAddress(port)
                    : new InetSocketAddress(InetAddress.getByName(host), port);
        } catch (NumberFormatException e) {
            throw new ParameterException(
                    commandLine(), option + " '" + text + "': write [HOST]:PORT, such as :443 or 10.0.0.5:8443");
        } catch (UnknownHostException e) {
            throw new ParameterException(commandLine(), option + " '" + text + "': no such host");
        }
    }
}
