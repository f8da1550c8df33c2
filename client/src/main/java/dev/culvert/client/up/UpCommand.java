package dev.culvert.client.up;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import dev.culvert.client.join.JoinSocket;
import dev.culvert.client.join.JoinedPrograms;
import dev.culvert.client.join.Tally;
import dev.culvert.client.names.MappedAnswers;
import dev.culvert.client.names.NameOptions;
import dev.culvert.client.names.NameService;
import dev.culvert.client.names.WantedDomains;
import dev.culvert.client.uplink.ClientPlaces;
import dev.culvert.client.uplink.NotedSession;
import dev.culvert.client.uplink.RouteOptions;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.TokenUplink;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.command.LogOptions;
import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.command.control.ControlOptions;
import dev.culvert.command.control.Questions;
import dev.culvert.command.metrics.MetricsOptions;
import dev.culvert.command.service.Supervisor;
import dev.culvert.text.LogFormat;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Token;
import dev.culvert.token.TokenGrants;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.ProfileCandidates;
import dev.culvert.tun.Platform;
import dev.culvert.tun.capture.CaptureFile;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.host.HostConfig;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.EventLoopGroup;
import java.io.Closeable;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client up}. */
@Command(
        name = "up",
        description =
                "Makes a TUN interface, routes the agents' networks into it, and runs until it is ended by Ctrl-C, SIGTERM or 'client down'.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class UpCommand implements Callable<Integer> {
    /** In 100.64.0.0/10 (RFC 6598), far from where others start counting: applications here send from it, the LAN never sees it. */
    private static final String ADDRESS_4 = "100.127.255.1";

    /** In fd00::/8 (RFC 4193); spells "culvert". */
    private static final String ADDRESS_6 = "fd63:756c:7665:7274::1";

    /** Going down takes less than this. */
    private static final Duration SHUTDOWN = Duration.ofSeconds(15);

    private static final long STATUS_MILLIS = 1_000;

    /** The interface goes within {@link TunSession#FLOWS_END}, and its loop's last tasks take less than this. */
    private static final Duration LOOP_ENDS = Duration.ofSeconds(2);

    private final HostSystem system;
    private final PrintStream out;
    private @Nullable Shutdown stop;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "PROFILE",
            completionCandidates = ProfileCandidates.class,
            description =
                    "Use the token that 'login' keeps under this name. Default: the last that was logged in with.")
    @Nullable
    String profile;

    @Mixin
    HolderOptions options = new HolderOptions();

    @Option(
            names = "--detach",
            description =
                    "Go to the background once it is up; what it says from then on is in client.log in its state directory. If it is not up within 40 s, it fails.")
    boolean detach;

    @Mixin
    RouteOptions routes = new RouteOptions();

    @Option(names = "--full", description = "Route everything through the agent that announces 0.0.0.0/0 (or ::/0).")
    boolean full;

    @Mixin
    NameOptions names = new NameOptions();

    @Option(
            names = "--allow-leak",
            description =
                    "With --full: what no agent takes, IPv6 or IPv4, leaves past the tunnel. Default: it is unreachable while the tunnel is up.")
    boolean allowLeak;

    @Option(
            names = "--tun",
            paramLabel = "NAME",
            defaultValue = TunConfig.DEFAULT_NAME,
            description = "Interface name, or that of a persistent TUN made for this user. Default: ${DEFAULT-VALUE}.")
    String tun = TunConfig.DEFAULT_NAME;

    @Option(
            names = "--tun-fd",
            paramLabel = "FD",
            description = "Use this open TUN descriptor, inherited from whoever started this.")
    @Nullable
    Integer tunFd;

    @Option(
            names = "--mtu",
            paramLabel = "BYTES",
            defaultValue = "1500",
            description = "MTU of the interface. Default: ${DEFAULT-VALUE}; offload makes larger ones pointless.")
    int mtu = TunConfig.DEFAULT_MTU;

    @Option(
            names = "--no-offload",
            description = "No checksum and segmentation offload (for kernels that get it wrong).")
    boolean noOffload;

    @Option(
            names = "--no-host-changes",
            description =
                    "Change no addresses and routes of this machine: somebody else has, or will. Needs no privilege with a persistent TUN.")
    boolean noHostChanges;

    @Option(
            names = "--address",
            paramLabel = "IPV4",
            defaultValue = ADDRESS_4,
            description = "The interface's own address. Default: ${DEFAULT-VALUE}.")
    InetAddress address4 = IpPrefix.parse(ADDRESS_4).network();

    @Option(
            names = "--address6",
            paramLabel = "IPV6",
            defaultValue = ADDRESS_6,
            description = "The interface's own IPv6 address. Default: ${DEFAULT-VALUE}.")
    InetAddress address6 = IpPrefix.parse(ADDRESS_6).network();

    @Mixin
    CaptureOptions capture = new CaptureOptions();

    @Mixin
    ControlOptions control = new ControlOptions();

    @Mixin
    LogOptions logs = new LogOptions();

    @Mixin
    MetricsOptions metrics = new MetricsOptions();

    /** Used by picocli. */
    public UpCommand() {
        this(HostSystem.own(), System.out);
    }

    /** @param out where it says what it does */
    UpCommand(HostSystem system, PrintStream out) {
        this.system = system;
        this.out = out;
    }

    @Override
    public Integer call() throws Exception {
        if (detach && tunFd != null) {
            throw new ParameterException(
                    spec.commandLine(), "--detach and --tun-fd exclude each other: an open file is not passed on");
        }
        String openFile = options.openFile();
        if (detach && openFile != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--detach and --token-file " + openFile
                            + " exclude each other: an open file is not passed on; name a"
                            + " file on disk, or pipe the token into this with --token-file -");
        }
        if (detach && !Background.isHere()) {
            return Background.start(spec.root().userObject().getClass().getName(), out);
        }
        routes.typed();
        capture.check();
        checkFamily("--address", address4, 4);
        checkFamily("--address6", address6, 16);
        TunConfig config;
        try {
            config = new TunConfig(
                    tun,
                    mtu,
                    !noOffload,
                    TunConfig.DEFAULT_TX_QUEUE_LENGTH,
                    tunFd == null ? OptionalInt.empty() : OptionalInt.of(tunFd));
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        HolderOptions.Holder holder = options.read(Token.Kind.CLIENT, profile);
        ClientToken token = (ClientToken) holder.token();
        RouteTable.Wanted wanted = routes.wanted(token, full);
        WantedDomains domains = names.wanted(token.domains(), TokenGrants.of(token), full);
        try (UndoJournal journal = system.openJournal(ClientJournal.path(options.directory(Token.Kind.CLIENT)))) {
            Background background = detach
                    ? Background.begin(
                            ClientJournal.log(options.directory(Token.Kind.CLIENT)),
                            spec.root().commandLine())
                    : null;
            StatusLine status = new StatusLine(
                    background == null ? out : background.out(),
                    Boolean.getBoolean("culvert.terminal") && LogFormat.current() == LogFormat.TEXT,
                    Platform::terminalColumns,
                    System::nanoTime);
            repair(journal, status);
            try (NotedSession session =
                    NotedSession.begin(() -> options.directory(Token.Kind.CLIENT), token.name(), status::say)) {
                return run(config, holder, wanted, domains, session.session(), journal, background, status);
            }
        } finally {
            if (stop != null) {
                stop.done();
            }
        }
    }

    private void checkFamily(String option, InetAddress address, int bytes) {
        if (address.getAddress().length != bytes) {
            throw new ParameterException(
                    spec.commandLine(),
                    option + " " + AddressText.of(address) + ": is of the other address family; give an "
                            + (bytes == 4 ? "IPv4" : "IPv6") + " address");
        }
    }

    private void repair(UndoJournal journal, StatusLine status) throws IOException {
        if (journal.ownerAlive()) {
            throw new IOException("the client is up already in another process; end it with 'client down'");
        }
        if (!noHostChanges && !journal.pending().isEmpty()) {
            status.say("an earlier run did not end in order: taking back its "
                    + journal.pending().size() + " changes");
            complain(journal.replay(), status);
        }
        if (!noHostChanges) {
            StrayJournals.Outcome strays =
                    new StrayJournals(options.directory(Token.Kind.CLIENT), system::openJournal).takeBack();
            if (strays.takenBack() > 0) {
                status.say("a client that did not end in order had left /etc/resolv.conf: it is put back");
            }
            strays.failures().forEach(status::say);
        }
        // Who keeps the journal is whom 'client down' ends, also when nothing is changed.
        journal.record(List.of());
    }

    private static void complain(List<UndoFailure> failures, StatusLine status) {
        failures.forEach(f -> status.say("could not take back " + f.step() + ": " + f.reason()));
    }

    private Integer run(
            TunConfig config,
            HolderOptions.Holder holder,
            RouteTable.Wanted wanted,
            WantedDomains domains,
            ClientSession clientSession,
            UndoJournal journal,
            @Nullable Background background,
            StatusLine status)
            throws Exception {
        ClientToken token = (ClientToken) holder.token();
        RouterAddresses router = RouterAddresses.of(address4, address6);
        Shutdown ending = system.newShutdown(SHUTDOWN);
        stop = ending;
        CaptureFile packets = capture.open();
        TunDevice device;
        try {
            device = system.openTun(config);
        } catch (IOException e) {
            close(packets, status);
            throw e;
        }
        EventLoopGroup loops = EventLoops.create(1, "client");
        HostRoutes host = null;
        HostNames hostNames = null;
        TunChannel tunChannel;
        TunSession session;
        TokenUplink way = null;
        Closeable answering = null;
        Closeable joinable = null;
        try {
            if (!noHostChanges) {
                host = hostRoutes(device.name(), config, router, journal, status);
                host.configure();
            }
            way = TokenUplink.of(options, holder, wanted, loops.next(), clientSession, List.of(), status::say);
            tunChannel = device.newChannel();
            Captures captures = new Captures(tunChannel, Clock.systemUTC());
            if (packets != null) {
                captures.begin(packets, status::say); // before the session reads the first
            }
            NameService service = new NameService(
                    nameService(), domains, way.uplink(), new MappedAnswers(way.uplink()::routes), status::say);
            session = new TunSession(
                    device, tunChannel, way.uplink(), host, router, service, full, allowLeak, status::say);
            ClientStatusQuestion question = new ClientStatusQuestion(
                    Program.version(spec),
                    Clock.systemUTC(),
                    Instant.now(),
                    options.directory(token.kind()),
                    device.name(),
                    List.of(address4, address6),
                    holder,
                    way::token,
                    () -> loops.submit(session::report),
                    tunChannel::stats);
            Questions questions = question.questions();
            captures.addTo(questions);
            answering = answer(question, questions, status);
            joinable = joinable(holder, way.uplink(), session.tally(), status);
            if (host != null) {
                host.watch();
            }
            if (host != null && !names.keepsResolver()) {
                HostNames told = new HostNames(
                        () -> system.openResolver(journal),
                        device.name(),
                        List.of(nameService().ipv4()),
                        service,
                        status::say);
                hostNames = told;
                way.uplink().eventLoop().execute(() -> service.listen(told));
            }
        } catch (Exception e) {
            close(answering, status);
            close(joinable, status);
            close(way);
            close(hostNames);
            device.close();
            end(loops);
            close(packets, status);
            if (host != null) {
                complain(host.undo(), status);
            }
            throw e;
        }
        status.say("interface " + device.name() + " is up; connecting to "
                + token.gateways().get(0) + " as '" + token.name() + "'");
        Throwable cause = null;
        boolean restored = true;
        Supervisor supervisor = Supervisor.of(System.getenv(), status::say);
        try {
            session.start();
            supervisor.readyWith(session.ready(), "up as '" + token.name() + "', interface " + device.name());
            CompletableFuture<Object> end = CompletableFuture.anyOf(session.failed(), ending.asked());
            if (background != null) {
                cause = detach(background, session, end, loops, status);
            }
            while (cause == null && !end.isDone()) {
                try {
                    end.get(STATUS_MILLIS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    status.show(loops.submit(session::status).get(), tunChannel.stats());
                }
            }
            cause = cause == null ? session.failed().getNow(null) : cause;
        } finally {
            supervisor.stopping();
            close(answering, status);
            close(joinable, status);
            close(way);
            close(hostNames);
            status.end();
            session.end().awaitUninterruptibly(LOOP_ENDS.toMillis());
            if (host != null) {
                host.close();
            }
            end(loops);
            close(packets, status);
            if (host != null) {
                List<UndoFailure> left = host.undo();
                complain(left, status);
                restored = left.isEmpty();
            }
        }
        if (cause != null) {
            throw new IOException(cause.getMessage(), cause);
        }
        status.say(restored ? "down; this machine's network is as it was" : "down; 'client down' tries the rest again");
        return CommandLine.ExitCode.OK;
    }

    /** Where other programs join this client: nothing that it would not be up without. */
    private Closeable joinable(HolderOptions.Holder holder, Uplink uplink, Tally tally, StatusLine status)
            throws IOException {
        Path directory = options.directory(Token.Kind.CLIENT);
        return control.open(ClientPlaces.control(directory), status::say, (socket, group) -> {
            JoinedPrograms programs = new JoinedPrograms(
                    uplink, holder.token().id(), holder.token().name(), Program.version(spec), tally);
            try {
                return JoinSocket.open(ClientPlaces.flows(socket), group, uplink.eventLoop(), programs);
            } catch (IOException e) {
                status.say(e.getMessage() + "; other programs make links of their own");
                return () -> {};
            }
        });
    }

    /** Tells whoever asks how it is, until that is closed. */
    private Closeable answer(ClientStatusQuestion question, Questions questions, StatusLine status) throws IOException {
        Closeable measured = metrics.open(new ClientMetrics(question), status::say, status::say);
        try {
            Closeable answering =
                    control.open(ClientPlaces.control(options.directory(Token.Kind.CLIENT)), questions, status::say);
            return () -> {
                measured.close();
                answering.close();
            };
        } catch (IOException e) {
            measured.close();
            throw e;
        }
    }

    private static void close(@Nullable HostNames one) {
        if (one != null) {
            one.close();
        }
    }

    private static void close(@Nullable TokenUplink way) {
        if (way != null) {
            way.close();
        }
    }

    /** @return why it is not up; null when it is, and in the background, or when it is to end */
    private static @Nullable IOException detach(
            Background background,
            TunSession session,
            CompletableFuture<Object> end,
            EventLoopGroup loops,
            StatusLine status)
            throws Exception {
        try {
            CompletableFuture.anyOf(session.ready(), end).get(Background.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            String trouble = loops.submit(session::status).get().link().trouble();
            return new IOException(
                    "not up within " + Background.PATIENCE.toSeconds() + " s ("
                            + (trouble.isEmpty() ? "the gateway does not say what there is" : trouble)
                            + "); without --detach it goes on trying",
                    e);
        }
        if (!end.isDone()) {
            status.say("up, in the background as process "
                    + ProcessHandle.current().pid() + "; 'client status' says how it is, 'client down' ends it");
            background.go();
        }
        return null;
    }

    private static void close(@Nullable Closeable one, StatusLine status) {
        try {
            if (one != null) {
                one.close();
            }
        } catch (IOException e) {
            status.say(String.valueOf(e.getMessage())); // a socket's file that cannot be deleted; the next client does
        }
    }

    private static void end(EventLoopGroup loops) {
        loops.shutdownGracefully(100, 1_000, TimeUnit.MILLISECONDS).awaitUninterruptibly(LOOP_ENDS.toMillis());
    }

    /** Routes to the stack's own addresses too: a host that filters by reverse path would drop what comes from those. */
    private HostRoutes hostRoutes(
            String ifName, TunConfig config, RouterAddresses router, UndoJournal journal, StatusLine status)
            throws IOException {
        HostConfig interfaceItself = HostConfig.of(ifName, mtu, config.txQueueLength(), List.of(address4, address6));
        Set<IpPrefix> routers = Set.of(
                IpPrefix.of(router.ipv4()),
                IpPrefix.of(router.ipv6()),
                IpPrefix.of(nameService().ipv4()),
                IpPrefix.of(nameService().ipv6()));
        return new HostRoutes(
                system.openHost(), journal, interfaceItself.withRoutes(routers, Set.of(), Set.of()), status::say);
    }

    private NameService.ServiceAddresses nameService() {
        return NameService.ServiceAddresses.beside(address4, address6);
    }
}
