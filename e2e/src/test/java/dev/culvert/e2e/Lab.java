package dev.culvert.e2e;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * A network of a test class's own, and the programs that run in it:
 *
 * <pre>
 *  client 10.71.1.2 ── 10.71.1.1 gateway 10.71.2.1 ── 10.71.2.2 office 192.168.77.1 ── 192.168.77.2 officeHost
 *                                        10.71.3.1 ── 10.71.3.2 plant  192.168.88.1 ── 192.168.88.2 plantHost
 * </pre>
 *
 * IPv6 alike: fd71:1::, fd71:2::, fd71:3::, fd77::, fd88::. Neither client nor gateway has a route to the LANs, nor the
 * LANs one back: that is what the programs under test provide. {@code plantHost} is also 203.0.113.1, the host out in the
 * Internet that only the plant's agent can reach. Namespaces are named {@code cv-e2e-PID-N-ROLE}; those of processes that
 * are gone are removed at the start, everything of ours at the end. When a test fails, what the programs said is printed.
 */
final class Lab implements BeforeAllCallback, AfterAllCallback, TestWatcher {
    static final String GATEWAY = "10.71.1.1";
    static final int PORT = 8443;
    /** The gateway, as the office's agent reaches it. */
    static final String OFFICE_GATEWAY = "wss://10.71.2.1:" + PORT;

    static final String OFFICE_HOST = "192.168.77.2";
    static final String OFFICE_HOST_6 = "fd77::2";
    static final String PLANT_HOST = "192.168.88.2";
    static final String BEYOND = "203.0.113.1";

    /** Three JVMs start at once on a machine that others use too. */
    static final Duration START = Duration.ofMinutes(2);

    /** Commands that take no time, on a machine whose processes are frozen for seconds. */
    static final Duration COMMAND = Duration.ofMinutes(2);

    /** What the programs start faster with is made once, by the first of several JVMs; the others wait. */
    private static final Duration ARCHIVES = Duration.ofMinutes(10);

    /** Few programs here live long enough to get back what the second compiler takes for them. What comes later counts. */
    private static final String SHORT_LIVED = "-XX:TieredStopAtLevel=1 ";

    private static final String JAVA_OPTIONS = "CULVERT_JAVA_OPTS";

    private static final AtomicInteger NEXT = new AtomicInteger();
    private static final AtomicBoolean PREPARED = new AtomicBoolean();
    private static final Pattern OURS = Pattern.compile("cv-e2e-(\\d+)-\\d+-[a-z]+");

    /** Of a program's output, when a test fails. */
    private static final int PRINTED_CHARACTERS = 6_000;

    private final String prefix = "cv-e2e-" + ProcessHandle.current().pid() + "-" + NEXT.incrementAndGet() + "-";
    final Host client = new Host(prefix + "client");
    final Host gateway = new Host(prefix + "gateway");
    final Host office = new Host(prefix + "office");
    final Host officeHost = new Host(prefix + "officehost");
    final Host plant = new Host(prefix + "plant");
    final Host plantHost = new Host(prefix + "planthost");

    private final Path scripts = scripts();
    private final List<Host> added = new ArrayList<>();
    private final Deque<Program> programs = new ArrayDeque<>();
    private Path directory = Path.of("/nonexistent");

    // ---- life ----

    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
        if (!PREPARED.getAndSet(true)) {
            System.err.print(run(ARCHIVES, script("lib/archives")).output());
        }
        removeLeftovers();
        directory = Files.createTempDirectory("cv-e2e-");
        // What runs as nobody must get at its token.
        run(COMMAND, "chmod", "755", directory.toString());
        for (Host host : hosts()) {
            boot(host);
        }
        cable(client, "gw", "10.71.1.2/24", "fd71:1::2/64", gateway, "client", "10.71.1.1/24", "fd71:1::1/64");
        cable(gateway, "office", "10.71.2.1/24", "fd71:2::1/64", office, "gw", "10.71.2.2/24", "fd71:2::2/64");
        cable(gateway, "plant", "10.71.3.1/24", "fd71:3::1/64", plant, "gw", "10.71.3.2/24", "fd71:3::2/64");
        cable(office, "lan", "192.168.77.1/24", "fd77::1/64", officeHost, "lan", "192.168.77.2/24", "fd77::2/64");
        cable(plant, "lan", "192.168.88.1/24", "fd88::1/64", plantHost, "lan", "192.168.88.2/24", "fd88::2/64");
        // The client's own way into the world, which --full must cover and leave as it was.
        must(client, "ip", "route", "add", "default", "via", GATEWAY);
        must(office, "ip", "route", "add", "10.71.1.0/24", "via", "10.71.2.1");
        must(plant, "ip", "route", "add", "10.71.1.0/24", "via", "10.71.3.1");
        must(plantHost, "ip", "addr", "add", BEYOND + "/32", "dev", "lo");
        must(plant, "ip", "route", "add", BEYOND + "/32", "via", PLANT_HOST);
        must(gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1");
        for (Host host : List.of(office, plant)) {
            must(host, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647");
        }
        token("init", "--gateway", "wss://" + GATEWAY + ":" + PORT);
    }

    private void boot(Host host) throws Exception {
        must("ip", "netns", "add", host.namespace());
        // A client that is given all names writes the file. A machine's own must not be everybody's: what replaces that
        // ends what
        // ip-netns(8) has mounted over it for other tests.
        resolvConf(host, "nameserver 127.0.0.1\n");
        must(host, "ip", "link", "set", "lo", "up");
        must(
                host,
                "sysctl",
                "-qw",
                "net.ipv6.conf.all.accept_dad=0",
                "net.ipv6.conf.default.accept_dad=0",
                "net.ipv4.conf.all.rp_filter=0",
                "net.ipv4.conf.default.rp_filter=0",
                "net.ipv4.ip_forward=0");
    }

    /** Writes the host's resolv.conf and returns it: ip-netns(8) mounts it over /etc/resolv.conf for each program that it starts there. */
    static Path resolvConf(Host host, String text) throws IOException {
        return Files.writeString(etc(host).resolve("resolv.conf"), text);
    }

    /** Files that programs there have in the place of this machine's. */
    static Path etc(Host host) throws IOException {
        return Files.createDirectories(etc(host.namespace()));
    }

    private static Path etc(String namespace) {
        return Path.of("/etc/netns", namespace);
    }

    /** One machine more, for a test's own use; it goes with the lab. */
    Host add(String role) throws Exception {
        Host host = new Host(prefix + role);
        added.add(host);
        boot(host);
        return host;
    }

    void cable(Host a, String ifA, String a4, String a6, Host b, String ifB, String b4, String b6) throws Exception {
        must(a, "ip", "link", "add", ifA, "type", "veth", "peer", "name", ifB, "netns", b.namespace());
        must(a, "ip", "addr", "add", a4, "dev", ifA);
        must(b, "ip", "addr", "add", b4, "dev", ifB);
        must(a, "ip", "addr", "add", a6, "dev", ifA, "nodad");
        must(b, "ip", "addr", "add", b6, "dev", ifB, "nodad");
        must(a, "ip", "link", "set", ifA, "up");
        must(b, "ip", "link", "set", ifB, "up");
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
        if (context.getExecutionException().isPresent()) {
            printOutputs(context.getDisplayName());
        }
        while (!programs.isEmpty()) {
            programs.removeLast().close();
        }
        for (Host host : hosts()) {
            remove(host.namespace());
        }
        delete(directory);
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> tree = Files.walk(directory)) {
            tree.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
        }
    }

    @Override
    public void testFailed(ExtensionContext context, Throwable cause) {
        printOutputs(context.getDisplayName());
    }

    private void printOutputs(String title) {
        System.err.println("==== what the programs said until " + title + " failed");
        for (Program p : programs) {
            String text = p.output();
            System.err.println("---- " + p.name() + (p.isAlive() ? "" : " (ended)"));
            System.err.println(text.substring(Math.max(0, text.length() - PRINTED_CHARACTERS)));
        }
    }

    private List<Host> hosts() {
        return Stream.concat(Stream.of(client, gateway, office, officeHost, plant, plantHost), added.stream())
                .toList();
    }

    private static void removeLeftovers() throws Exception {
        for (String line : must("ip", "netns", "list").lines().toList()) {
            String name = line.split(" ")[0];
            Matcher m = OURS.matcher(name);
            if (m.matches()
                    && !ProcessHandle.of(Long.parseLong(m.group(1)))
                            .map(ProcessHandle::isAlive)
                            .orElse(false)) {
                remove(name);
            }
        }
    }

    private static void remove(String namespace) throws Exception {
        Outcome inside = run(COMMAND, "ip", "netns", "pids", namespace);
        if (inside.exit() == 0) {
            for (String pid : inside.output().lines().map(String::strip).toList()) {
                ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
            }
            // Not must(): another test that starts at the same time removes leftovers, too.
            Outcome removed = run(COMMAND, "ip", "netns", "del", namespace);
            if (removed.exit() != 0 && Files.exists(Path.of("/run/netns", namespace))) {
                checked(removed, "ip", "netns", "del", namespace);
            }
        }
        if (Files.exists(etc(namespace))) {
            delete(etc(namespace));
        }
    }

    // ---- commands ----

    /** Runs a command of this machine; it must succeed. */
    static String must(String... command) throws Exception {
        return must(COMMAND, command);
    }

    static String must(Duration deadline, String... command) throws Exception {
        return checked(run(deadline, command), command);
    }

    /** Runs a command on a machine of the lab; it must succeed within a minute. */
    String must(Host host, String... command) throws Exception {
        return must(host, COMMAND, command);
    }

    String must(Host host, Duration deadline, String... command) throws Exception {
        return checked(run(host, deadline, command), command);
    }

    private static String checked(Outcome outcome, String... command) {
        if (outcome.exit() != 0) {
            throw new AssertionError(
                    String.join(" ", command) + " ended with " + outcome.exit() + ":\n" + outcome.output());
        }
        return outcome.output();
    }

    Outcome run(Host host, Duration deadline, String... command) throws Exception {
        return run(deadline, host.line(command).toArray(String[]::new));
    }

    /** Runs a shell line on a machine of the lab; it must succeed. */
    String shell(Host host, Duration deadline, String line) throws Exception {
        return must(host, deadline, "bash", "-c", "set -o pipefail; " + line);
    }

    private static Outcome run(Duration deadline, String... command) throws Exception {
        Path out = Files.createTempFile("cv-e2e-", ".out");
        try {
            long start = System.nanoTime();
            Process p = builder(List.of(command), Map.of())
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(out.toFile())
                    .start();
            if (!p.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
                p.descendants().forEach(ProcessHandle::destroyForcibly);
                p.destroyForcibly().waitFor();
                throw new AssertionError(
                        String.join(" ", command) + " still ran after " + deadline + ":\n" + Files.readString(out));
            }
            return new Outcome(
                    p.exitValue(),
                    Files.readString(out).replace("\0", ""),
                    Duration.ofNanos(System.nanoTime() - start));
        } finally {
            Files.delete(out);
        }
    }

    private static ProcessBuilder builder(List<String> command, Map<String, String> environment) {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        builder.environment().merge(JAVA_OPTIONS, SHORT_LIVED, (given, ours) -> ours + given);
        return builder;
    }

    /** Starts a process on a machine of the lab. It is ended with the lab at the latest. */
    Program start(Host host, String name, String... command) throws IOException {
        return start(host, name, Map.of(), command);
    }

    Program start(Host host, String name, Map<String, String> environment, String... command) throws IOException {
        Path log = Files.createTempFile(directory, name + "-", ".log");
        ProcessBuilder builder = builder(host.line(command), environment).redirectOutput(log.toFile());
        Program program = new Program(name, builder.start(), log);
        programs.addLast(program);
        return program;
    }

    /** Starts nginx on the office's LAN host, with the lab's directory for its files. */
    Program startNginx(Path conf) throws IOException {
        return start(
                officeHost,
                "nginx",
                "nginx",
                "-p",
                directory + "/",
                "-c",
                conf.toString(),
                "-e",
                directory.resolve("nginx.err").toString());
    }

    /** Runs one of probe.py's clients and returns what it printed. */
    String probe(Host host, String... arguments) throws Exception {
        List<String> command =
                new ArrayList<>(List.of("python3", resource("probe.py").toString()));
        command.addAll(List.of(arguments));
        return must(host, Duration.ofSeconds(120), command.toArray(String[]::new))
                .strip();
    }

    Program startProbe(Host host, String... arguments) throws IOException {
        return startPython(host, "probe-" + arguments[0], "probe.py", arguments);
    }

    /** Runs one of this module's Python programs. */
    Program startPython(Host host, String name, String program, String... arguments) throws IOException {
        List<String> command =
                new ArrayList<>(List.of("python3", resource(program).toString()));
        command.addAll(List.of(arguments));
        return start(host, name, command.toArray(String[]::new));
    }

    Path resource(String name) throws IOException {
        Path file = directory.resolve(name);
        if (!Files.exists(file)) {
            try (InputStream in = Lab.class.getResourceAsStream("/e2e/" + name)) {
                Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return file;
    }

    /** A place for files, removed with the lab. */
    Path directory() {
        return directory;
    }

    // ---- Culvert's programs ----

    String script(String name) {
        return scripts.resolve(name).toString();
    }

    /** Jars of the programs, for code of a test's own that runs on a machine of the lab; from where the launchers take them. */
    Path jars() {
        String chosen = System.getenv("CULVERT_LIB");
        if (chosen != null && !chosen.isEmpty()) {
            return Path.of(chosen);
        }
        return scripts.resolveSibling("target").resolve("culvert").resolve("lib");
    }

    Path state() {
        return directory.resolve("state");
    }

    /** Runs a command of the token program on the lab's keys. */
    String token(String command, String... arguments) throws Exception {
        return token(state(), command, arguments);
    }

    String token(Path state, String command, String... arguments) throws Exception {
        List<String> line = new ArrayList<>(List.of(script("token"), command, "--state", state.toString()));
        line.addAll(List.of(arguments));
        return must(line.toArray(String[]::new));
    }

    /** Makes an agent's token. */
    Path agentToken(String name, String gateway, String routes, String... more) throws Exception {
        Path file = directory.resolve("agent-" + name + ".token");
        List<String> arguments = new ArrayList<>(
                List.of("--name", name, "--gateway", gateway, "--routes", routes, "--force", "--out", file.toString()));
        arguments.addAll(List.of(more));
        token("agent", arguments.toArray(String[]::new));
        return file;
    }

    /** Makes a client's token. */
    Path clientToken(String name, String allow, String... more) throws Exception {
        Path file = directory.resolve("client-" + name + ".token");
        List<String> arguments =
                new ArrayList<>(List.of("--name", name, "--allow", allow, "--force", "--out", file.toString()));
        arguments.addAll(List.of(more));
        token("client", arguments.toArray(String[]::new));
        return file;
    }

    /** Makes a certificate that signs itself, {@code FILE.crt} and {@code FILE.key}; returns the former. */
    Path certificate(String file, String names) throws Exception {
        Path certificate = directory.resolve(file + ".crt");
        must(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "30",
                "-subj",
                "/CN=" + file,
                "-addext",
                "subjectAltName=" + names,
                "-keyout",
                directory.resolve(file + ".key").toString(),
                "-out",
                certificate.toString());
        return certificate;
    }

    Program startGateway(String... more) throws IOException {
        List<String> line =
                new ArrayList<>(List.of(script("gateway"), "--state", state().toString(), "--listen", ":" + PORT));
        line.addAll(List.of(more));
        Program p = start(gateway, "gateway", line.toArray(String[]::new));
        p.awaitOutput("listening on", START);
        return p;
    }

    Program startAgent(Host host, Path token, String... more) throws IOException {
        List<String> line = new ArrayList<>(List.of(
                script("agent"),
                "--token-file",
                token.toString(),
                "--state",
                directory.resolve("agent-state-" + host.namespace()).toString()));
        line.addAll(List.of(more));
        Program p = start(host, "agent", line.toArray(String[]::new));
        p.awaitOutput("connected to", START);
        return p;
    }

    /** The token of the office's agent that publishes names in {@code .test}, and perhaps more. */
    Path publishersToken(String... more) throws Exception {
        List<String> rights = new ArrayList<>(List.of("--publish", "*.test"));
        rights.addAll(List.of(more));
        return agentToken("office", OFFICE_GATEWAY, "192.168.77.0/24", rights.toArray(String[]::new));
    }

    /** The agent of the office, with its usual token. */
    Program startOffice() throws Exception {
        Path token = directory.resolve("agent-office.token");
        if (!Files.exists(token)) {
            agentToken("office", OFFICE_GATEWAY, "192.168.77.0/24,fd77::/64");
        }
        return startAgent(office, token);
    }

    /** The command line of {@code client up} with a state directory of this lab's. */
    String[] up(Path token, String... more) {
        List<String> line = new ArrayList<>(List.of(
                script("client"),
                "up",
                "--token-file",
                token.toString(),
                "--state",
                directory.resolve("client-state").toString()));
        line.addAll(List.of(more));
        return line.toArray(String[]::new);
    }

    String[] down() {
        return new String[] {
            script("client"),
            "down",
            "--state",
            directory.resolve("client-state").toString()
        };
    }

    /** Starts a client and waits until its routes are laid. */
    Program startClient(Path token, String... more) throws IOException {
        Program p = start(client, "client", Map.of(JAVA_OPTIONS, "-Dculvert.terminal=true"), up(token, more));
        p.awaitOutput("routes: ", START);
        return p;
    }

    /** The usual client, that may reach the whole office. */
    Program startLaptop() throws Exception {
        return startClient(clientToken("laptop", "office:192.168.77.0/24,office:[fd77::/64]"));
    }

    /** Everything about a machine's network that the client could change. */
    String network(Host host) throws Exception {
        return shell(
                host,
                COMMAND,
                "ip -br addr; ip -4 route show table all; ip -6 route show table all; ip rule; ip -6 rule");
    }

    static Path scripts() {
        for (Path p = Path.of("").toAbsolutePath(); p != null; p = p.getParent()) {
            if (Files.exists(p.resolve("scripts/lib/launch.sh"))) {
                return p.resolve("scripts");
            }
        }
        throw new UncheckedIOException(
                new IOException("no scripts directory above " + Path.of("").toAbsolutePath()));
    }
}
