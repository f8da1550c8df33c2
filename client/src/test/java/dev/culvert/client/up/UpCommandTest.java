package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.ClientCommand;
import dev.culvert.client.TestToken;
import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.command.control.AskOptions;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.fixture.MemoryRing;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.frame.Announcement.ReachableAgent;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code client up} on a machine in memory, with a gateway on loopback that says what the test wants. */
@NullUnmarked
@Timeout(180)
final class UpCommandTest {
    private static final ReachableAgent OFFICE =
            new ReachableAgent("office", 1, List.of("192.168.77.0/24", "10.5.0.0/16"));

    @TempDir
    Path directory;

    private final Machine machine = new Machine();
    private final MemoryRing device = new MemoryRing(Machine.TUN);
    private final List<TunConfig> opened = new ArrayList<>();
    private final CompletableFuture<Shutdown> shutdown = new CompletableFuture<>();
    private final ByteArrayOutputStream said = new ByteArrayOutputStream();
    private final StringWriter err = new StringWriter();
    private List<HostState.Route> before;
    private GatewayStub gateway;

    /** What cannot be had of this machine, and why. */
    private String noTun;

    private String noHost;
    private boolean stuck;

    private final HostSystem system = new HostSystem() {
        @Override
        public TunDevice openTun(TunConfig config) throws TunException {
            if (noTun != null) {
                throw new TunException(noTun);
            }
            opened.add(config);
            return device;
        }

        @Override
        public Host openHost() throws IOException {
            if (noHost != null) {
                throw new IOException(noHost);
            }
            return machine;
        }

        @Override
        public UndoJournal openJournal(Path file) throws IOException {
            return UndoJournal.open(
                    file,
                    steps -> stuck
                            ? steps.stream()
                                    .map(s -> new UndoFailure(s, "it is in use"))
                                    .toList()
                            : machine.undo(steps));
        }

        @Override
        public HostResolver openResolver(UndoJournal journal) throws IOException {
            throw new IOException("this machine has none");
        }

        @Override
        public Shutdown newShutdown(Duration limit) {
            Shutdown one = new Shutdown(limit);
            shutdown.complete(one);
            return one;
        }
    };

    @BeforeEach
    void open() throws Exception {
        machine.defaultRoute("10.0.0.1");
        before = List.copyOf(machine.routes);
        gateway = TestToken.announcing(OFFICE);
        process("1", "init");
    }

    @AfterEach
    void close() throws Exception {
        gateway.close();
    }

    /** A machine on which no client runs as far as anybody can see, or one does. */
    private void process(String id, String... line) throws IOException {
        Path process = Files.createDirectories(directory.resolve("proc").resolve(id));
        Files.writeString(process.resolve("cmdline"), String.join("\0", line));
        Path net = Files.createDirectories(directory.resolve("proc/self/net"));
        Files.writeString(net.resolve("dev"), "  culvert0: 0 0\n");
    }

    private Path state() {
        return directory.resolve("state");
    }

    private int up(String... more) throws Exception {
        Path token = TestToken.write(directory, gateway.uri());
        List<String> arguments =
                new ArrayList<>(List.of("up", "--token-file", token.toString(), "--state", state().toString()));
        arguments.addAll(List.of(more));
        return execute(arguments.toArray(String[]::new));
    }

    private int execute(String... arguments) {
        CommandSpec client = clientWithout(UpCommand.class);
        client.addSubcommand(
                "up", new CommandLine(new UpCommand(system, new PrintStream(said, true, StandardCharsets.UTF_8))));
        CommandLine line = Program.commandLine(client);
        line.setErr(new PrintWriter(err));
        return line.execute(arguments);
    }

    /** Comes up on a thread of its own; {@link #signal} ends it. */
    private CompletableFuture<Integer> start(String... more) {
        CompletableFuture<Integer> exit = new CompletableFuture<>();
        new Thread(
                        () -> {
                            try {
                                exit.complete(up(more));
                            } catch (Throwable t) {
                                exit.completeExceptionally(t);
                            }
                        },
                        "client-up")
                .start();
        return exit;
    }

    private List<String> lines() {
        return said.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private void awaitLine(CompletableFuture<Integer> exit, String start) {
        Awaitility.await().atMost(1, TimeUnit.MINUTES).until(() -> exit.isDone() || isSaid(start));
        assertThat(isSaid(start)).as("%s%n%s%n%s", exit, lines(), err).isTrue();
    }

    private boolean isSaid(String start) {
        return lines().stream().anyMatch(line -> line.startsWith("client: " + start));
    }

    private void signal() throws Exception {
        shutdown.get(1, TimeUnit.MINUTES).request(Duration.ofMinutes(1));
    }

    private void assertFailure(String reason) {
        assertThat(err.toString().strip().lines()).hasSize(1);
        assertThat(err.toString()).startsWith("client: ").contains(reason);
    }

    /** The machine is as it was, and nobody has to take anything back. */
    private void assertNothingLeft() throws IOException {
        assertThat(machine.routes).isEqualTo(before);
        assertThat(machine.addresses).isEmpty();
        try (UndoJournal journal = system.openJournal(ClientJournal.path(state()))) {
            assertThat(journal.pending()).isEmpty();
        }
    }

    /** What the system sends as soon as the interface is up is there before the session has begun to read. */
    @Test
    void aCaptureHasTheFirstPacket() throws Exception {
        byte[] first = Packet.udp(false, 50_000, 7, 9_000, 64, "first");
        assertThat(device.send(first)).isTrue();
        Path file = directory.resolve("all.pcap");
        CompletableFuture<Integer> exit = start("--capture", file.toString());
        awaitLine(exit, "routes: ");
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        byte[] written = Files.readAllBytes(file);
        int record = 24 + 16;
        assertThat(written).hasSizeGreaterThanOrEqualTo(record + first.length);
        assertThat(Arrays.copyOfRange(written, record, record + first.length)).isEqualTo(first);
    }

    @Test
    void comesUpLaysRoutesAndGoesDownInOrder() throws Exception {
        CompletableFuture<Integer> exit = start();
        awaitLine(exit, "routes: ");
        assertThat(machine.tunnelled()).contains("192.168.77.0/24", "10.5.0.0/16");
        assertThat(machine.addresses)
                .extracting(a -> a.address().getHostAddress())
                .contains("100.127.255.1");
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        assertThat(lines().get(0))
                .isEqualTo("client: interface t0 is up; connecting to " + gateway.uri() + " as 'laptop'");
        assertThat(lines().get(lines().size() - 1)).isEqualTo("client: down; this machine's network is as it was");
        assertThat(err.toString()).isEmpty();
        assertThat(device.closes()).isEqualTo(1);
        assertNothingLeft();
    }

    private static CommandSpec clientWithout(Class<?> subcommand) {
        ClientCommand client = new ClientCommand();
        CommandSpec spec = CommandSpec.forAnnotatedObject(client);
        for (Class<?> other : client.subcommands()) {
            if (other != subcommand) {
                spec.addSubcommand(null, new CommandLine(other));
            }
        }
        return spec;
    }

    private int ask(StringWriter answer, String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--state", state().toString()));
        CommandSpec client = clientWithout(ClientStatusCommand.class);
        client.addSubcommand("status", new CommandLine(new ClientStatusCommand(directory.resolve("proc"))));
        CommandLine line = Program.commandLine(client);
        line.setOut(new PrintWriter(answer));
        line.setErr(new PrintWriter(answer));
        return line.execute(all.toArray(String[]::new));
    }

    @Test
    void theOneThatIsUpSaysHowItIs() throws Exception {
        CompletableFuture<Integer> exit = start();
        awaitLine(exit, "routes: ");
        StringWriter answer = new StringWriter();
        assertThat(ask(answer, "status", "--json")).as(answer.toString()).isZero();
        JsonNode status = JsonMapper.shared().readTree(answer.toString());
        assertThat(status.path("pid").asLong())
                .isEqualTo(ProcessHandle.current().pid());
        assertThat(status.path("device").stringValue()).isEqualTo("t0");
        assertThat(status.at("/addresses/0").stringValue()).isEqualTo("100.127.255.1");
        assertThat(status.at("/token/name").stringValue()).isEqualTo("laptop");
        assertThat(status.at("/token/profile").isMissingNode()).isTrue();
        assertThat(status.at("/token/endsSoon").booleanValue()).isFalse();
        assertThat(status.at("/link/gateway").stringValue())
                .isEqualTo(gateway.uri().toString());
        assertThat(status.at("/link/state").stringValue()).isEqualTo("up");
        assertThat(status.at("/link/why").isMissingNode()).isTrue();
        assertThat(status.at("/agents/0/name").stringValue()).isEqualTo("office");
        assertThat(status.at("/agents/0/instances").asInt()).isOne();
        assertThat(status.at("/agents/0/networks").valueStream().map(JsonNode::stringValue))
                .containsExactly("10.5.0.0/16", "192.168.77.0/24");
        assertThat(status.at("/routes")
                        .valueStream()
                        .map(r -> r.path("network").stringValue() + " "
                                + r.path("agent").stringValue()))
                .containsExactly("10.5.0.0/16 office", "192.168.77.0/24 office");
        assertThat(status.at("/flows/tcp").asInt(-1)).isZero();
        assertThat(status.at("/flows/held").asInt(-1)).isZero();
        assertThat(status.at("/carried/sent").asLong(-1)).isZero();

        StringWriter text = new StringWriter();
        assertThat(ask(text, "status")).isZero();
        assertThat(text.toString())
                .contains("gateway    " + gateway.uri() + ", linked for ")
                .contains("token      of 'laptop', until ")
                .contains("interface  t0, 100.127.255.1, fd63:756c:7665:7274::1")
                .contains("routes     10.5.0.0/16 via office, 192.168.77.0/24 via office")
                .contains("flows      0 TCP, 0 UDP, 0 ping; 0 held; 0 refused since the start")
                .contains("office  connected  10.5.0.0/16, 192.168.77.0/24");

        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        StringWriter down = new StringWriter();
        assertThat(ask(down, "status")).isEqualTo(AskOptions.NOT_RUNNING);
        assertThat(down.toString())
                .startsWith("client: the client is not running")
                .hasLineCount(1);
        try (Stream<Path> left = Files.list(state())) {
            assertThat(left.map(p -> p.getFileName().toString())).noneMatch(name -> name.endsWith(".sock"));
        }
    }

    @Test
    void whyThereIsNoLinkIsSaid() throws Exception {
        gateway.close();
        CompletableFuture<Integer> exit = start();
        awaitLine(exit, "cannot reach the gateway");
        StringWriter answer = new StringWriter();
        assertThat(ask(answer, "status", "--json")).as(answer.toString()).isZero();
        JsonNode status = JsonMapper.shared().readTree(answer.toString());
        assertThat(status.at("/link/state").stringValue()).isEqualTo("down");
        assertThat(status.at("/link/why").stringValue()).contains("cannot reach the gateway");
        assertThat(status.at("/link/roundTripMillis").isMissingNode()).isTrue();
        StringWriter text = new StringWriter();
        assertThat(ask(text, "status")).isZero();
        assertThat(text.toString()).contains(", NOT linked for ").contains("routes     none");
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
    }

    /** Without sudo root's client is not one that is not running. */
    @Test
    void oneThatIsUpAsAnotherUserIsNamed() throws Exception {
        process("77", "java", "-cp", "x", ClientCommand.class.getName(), "up");
        StringWriter answer = new StringWriter();
        assertThat(ask(answer, "status")).isEqualTo(1);
        assertThat(answer.toString())
                .startsWith("client: process 77 is a client that is up here, but does not answer at " + state())
                .contains("with sudo, if that was with sudo", "--state or --control-socket")
                .hasLineCount(1);
        StringWriter named = new StringWriter();
        String socket = directory.resolve("none.sock").toString();
        assertThat(ask(named, "status", "--control-socket", socket))
                .as("who says where it is")
                .isEqualTo(AskOptions.NOT_RUNNING);
    }

    @Test
    void withoutASocketNobodyIsAnswered() throws Exception {
        CompletableFuture<Integer> exit = start("--control-socket", "none");
        awaitLine(exit, "routes: ");
        StringWriter answer = new StringWriter();
        assertThat(ask(answer, "status")).isEqualTo(AskOptions.NOT_RUNNING);
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
    }

    @Test
    void aSocketThatWasAskedForAndCannotBeEndsIt() throws Exception {
        assertThat(up("--control-socket", directory.resolve("none/c.sock").toString()))
                .isEqualTo(1);
        assertFailure("there is no directory " + directory.resolve("none"));
        assertThat(device.closes()).isPositive();
        assertNothingLeft();
    }

    @Test
    void whatIsKeptIsUsedWhereNothingIsGiven() throws Exception {
        StringWriter answer = new StringWriter();
        assertThat(ask(
                        answer,
                        "login",
                        TestToken.write(directory, gateway.uri()).toString(),
                        "--profile",
                        "work"))
                .as(answer.toString())
                .isZero();
        noTun = "that is far enough";
        assertThat(execute("up", "--state", state().toString())).isEqualTo(1);
        assertThat(execute("up", "work", "--state", state().toString())).isEqualTo(1);
        assertThat(err.toString().lines()).containsOnly("client: that is far enough");
        assertThat(execute("up", "home", "--state", state().toString())).isEqualTo(1);
        assertThat(err.toString()).contains("there is no profile 'home' in " + state());
    }

    @Test
    void anOpenFileDoesNotGoToTheBackground() throws Exception {
        assertThat(up("--detach", "--tun-fd", "9")).isEqualTo(2);
        assertThat(err.toString()).startsWith("client: --detach and --tun-fd exclude each other");
        assertThat(opened).isEmpty();
    }

    /** The shell's {@code <(command)}: the process in the background would find nothing there, or something else. */
    @Test
    void norDoesATokenInAnOpenFile() throws Exception {
        for (String file : List.of("/dev/fd/63", "/proc/self/fd/11")) {
            err.getBuffer().setLength(0);
            assertThat(execute("up", "--detach", "--token-file", file)).isEqualTo(2);
            assertThat(err.toString())
                    .startsWith("client: --detach and --token-file " + file + " exclude each other")
                    .contains("with --token-file -");
        }
        assertThat(opened).isEmpty();
    }

    @Test
    void opensTheInterfaceThatTheOptionsSay() throws Exception {
        noHost = "this test has none";
        up("--tun", "vpn7", "--mtu", "1400", "--no-offload");
        assertThat(opened).singleElement().satisfies(config -> {
            assertThat(config.name()).isEqualTo("vpn7");
            assertThat(config.mtu()).isEqualTo(1400);
            assertThat(config.offload()).isFalse();
            assertThat(config.existingFd()).isEmpty();
        });
    }

    @Test
    void routesOnlyWhatItIsTold() throws Exception {
        CompletableFuture<Integer> exit = start("--route", "10.5.0.0/16=office");
        awaitLine(exit, "routes: ");
        assertThat(machine.tunnelled()).contains("10.5.0.0/16").doesNotContain("192.168.77.0/24");
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        assertNothingLeft();
    }

    @Test
    void withoutHostChangesItLooksAtNothingOfTheHost() throws Exception {
        noHost = "nobody may ask";
        CompletableFuture<Integer> exit = start("--no-host-changes");
        awaitLine(exit, "interface t0 is up");
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        assertThat(machine.reads).isZero();
        assertThat(device.closes()).isEqualTo(1);
    }

    @Test
    void aRefusedTokenEndsIt() throws Exception {
        gateway.close();
        gateway = new GatewayStub(null, GatewayStub.refusal("the token 'laptop' is revoked"));
        assertThat(up()).isEqualTo(1);
        assertFailure("the token 'laptop' is revoked");
        assertThat(device.closes()).isEqualTo(1);
        assertNothingLeft();
    }

    @Test
    void anInterfaceThatIsDeletedEndsIt() throws Exception {
        CompletableFuture<Integer> exit = start();
        awaitLine(exit, "routes: ");
        device.vanish();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isEqualTo(1);
        assertFailure("the interface t0 is gone");
        assertThat(device.closes()).isEqualTo(1);
        assertNothingLeft();
    }

    @Test
    void withoutADeviceNothingIsChanged() throws Exception {
        noTun = "open /dev/net/tun for tun culvert0: Permission denied; run with sudo";
        assertThat(up()).isEqualTo(1);
        assertFailure(noTun);
        assertThat(machine.reads).isZero();
        assertNothingLeft();
    }

    @Test
    void withoutTheHostTheDeviceIsGivenBack() throws Exception {
        noHost = "read the host's network: Operation not permitted";
        assertThat(up()).isEqualTo(1);
        assertFailure(noHost);
        assertThat(device.closes()).isEqualTo(1);
        assertNothingLeft();
    }

    @Test
    void anInterfaceThatCannotBeSetUpEndsIt() throws Exception {
        machine.refuses = true;
        assertThat(up()).isEqualTo(1);
        assertFailure("cannot bring up t0 with mtu 1500: the kernel refused to");
        assertThat(device.closes()).isEqualTo(1);
        assertNothingLeft();
        assertThat(gateway.requests).isEmpty();
    }

    @Test
    void twoAtOnceAreOneTooMany() throws Exception {
        Files.createDirectory(
                state(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Process first = DownCommandTest.Unclean.start(state());
        try (BufferedReader out = first.inputReader()) {
            DownCommandTest.Unclean.await(out);
            assertThat(up()).isEqualTo(1);
        } finally {
            first.destroyForcibly();
        }
        assertFailure("the client is up already in another process; end it with 'client down'");
        assertThat(opened).isEmpty();
    }

    @Test
    void whatAnEarlierRunLeftIsTakenBackFirst() throws Exception {
        try (UndoJournal journal = system.openJournal(ClientJournal.path(state()))) {
            journal.record(new UndoStep.DeleteAddress(Machine.TUN, "198.51.100.1", 32));
        }
        noTun = "that is far enough";
        assertThat(up()).isEqualTo(1);
        assertThat(lines()).containsExactly("client: an earlier run did not end in order: taking back its 1 changes");
        assertNothingLeft();
    }

    @Test
    void whatCannotBeTakenBackIsSaid() throws Exception {
        CompletableFuture<Integer> exit = start();
        awaitLine(exit, "routes: ");
        stuck = true;
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        assertThat(lines())
                .anyMatch(l -> l.matches("client: could not take back .*192\\.168\\.77\\.0/24.*: it is in use"));
        assertThat(lines().get(lines().size() - 1)).isEqualTo("client: down; 'client down' tries the rest again");
    }

    @Test
    void anAgentThatTheTokenDoesNotNameIsWrongUsage() throws Exception {
        assertThat(up("--route", "10.5.0.0/16=offcie")).isEqualTo(2);
        assertThat(err.toString().lines()).hasSize(2);
        assertThat(err.toString())
                .startsWith("client: --route 10.5.0.0/16=offcie: this token grants nothing through an agent 'offcie'");
        assertThat(opened).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "10.77.0.0/24=office:192.168.1.0/25 | --route 10.77.0.0/24=office:192.168.1.0/25: 10.77.0.0/24 cannot stand for"
                        + " 192.168.1.0/25: the two must be of one size",
                "10.77.0.0/24=office:192.168.1.0/24,10.77.0.0/25=plant:192.168.1.0/25 | an address can stand for one only",
                "10.77.0.0/24=office:192.168.1.0/24,10.78.0.0/24=office:192.168.1.0/24 | what agent 'office' serves can be shown"
                        + " once only",
                "127.0.0.0/24=office:192.168.1.0/24 | it holds addresses that mean this machine",
                "10.77.0.0/24=offcie:192.168.1.0/24 | this token grants nothing through an agent 'offcie'",
            })
    void aMapThatCannotBeIsWrongUsage(String routes, String why) throws Exception {
        assertThat(up("--route", routes)).isEqualTo(2);
        assertThat(err.toString().lines()).hasSize(2);
        assertThat(err.toString()).startsWith("client: --route ").contains(why);
        assertThat(opened).isEmpty();
    }

    @Test
    void aMapIsToldRoutedAndShownInStatus() throws Exception {
        CompletableFuture<Integer> exit = start("--route", "10.77.0.0/24=office:192.168.77.0/24");
        awaitLine(exit, "routes: 10.77.0.0/24 via office (there 192.168.77.0/24)");
        assertThat(machine.tunnelled()).contains("10.77.0.0/24").doesNotContain("192.168.77.0/24");
        StringWriter answer = new StringWriter();
        assertThat(ask(answer, "status", "--json")).as(answer.toString()).isZero();
        JsonNode route = JsonMapper.shared().readTree(answer.toString()).at("/routes/0");
        assertThat(route.path("network").stringValue()).isEqualTo("10.77.0.0/24");
        assertThat(route.path("there").stringValue()).isEqualTo("192.168.77.0/24");
        StringWriter text = new StringWriter();
        assertThat(ask(text, "status")).isZero();
        assertThat(text.toString()).contains("routes     10.77.0.0/24 via office (there 192.168.77.0/24)");
        signal();
        assertThat(exit.get(1, TimeUnit.MINUTES)).isZero();
        assertNothingLeft();
    }

    @Test
    void anAddressOfTheOtherFamilyIsWrongUsage() throws Exception {
        assertThat(up("--address", "fd63::1")).isEqualTo(2);
        assertThat(up("--address6", "10.0.0.9")).isEqualTo(2);
        assertThat(err.toString())
                .contains("--address fd63::1: is of the other address family; give an IPv4 address")
                .contains("--address6 10.0.0.9: is of the other address family; give an IPv6 address");
        assertThat(opened).isEmpty();
    }
}
