package dev.culvert.client.doctor;

import dev.culvert.address.AddressText;
import dev.culvert.client.up.ClientJournal;
import dev.culvert.command.Program;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Doctor;
import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.tun.Platform;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostState;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** {@code client report}. */
@Command(
        name = "report",
        description = {
            "Packs what helps to find out what is wrong into one file, for whoever helps: versions, what 'client doctor' says, status, log,"
                    + " addresses, routes and rules of this machine, its resolver, what the environment sets.",
            "Tokens, keys, passwords and ids of sessions are replaced; names and addresses are not. It says what is in it."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
public final class ReportCommand implements Callable<Integer> {
    /** Of the log, its end. */
    private static final int MAX_LOG = 1 << 20;

    /** What of the environment has to do with it. */
    private static final Pattern VARIABLES =
            Pattern.compile("CULVERT_.*|(?i:(https?|all|no)_proxy)|LANG|LC_ALL|SUDO_UID");

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "FILE", description = "The file to write, a zip archive, such as report.zip.")
    Path file = Path.of("");

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "PROFILE",
            description =
                    "Look with the token that 'login' keeps under this name. Default: the last that was logged in with.")
    @Nullable
    String profile;

    @Mixin
    HolderOptions options = new HolderOptions();

    /** Used by picocli. */
    public ReportCommand() {}

    @Override
    public Integer call() throws IOException {
        Path directory = options.directory(Token.Kind.CLIENT);
        ReportFile report = report(directory, System.getenv(), DoctorCommand.checks(options, profile));
        try {
            report.write(file);
        } catch (FileAlreadyExistsException e) {
            throw new IOException(file + " is there already: name another file", e);
        } catch (IOException e) {
            throw new IOException(file + " cannot be written (" + FileError.reason(e) + ")", e);
        }
        PrintWriter out = spec.commandLine().getOut();
        out.println(
                "client: written to " + Printable.line(file.toString())
                        + ", without tokens, keys, passwords and ids of sessions; look through it before you send it. It holds:");
        report.contents().lines().forEach(line -> out.println("  " + Printable.line(line)));
        out.flush();
        return 0;
    }

    private ReportFile report(Path directory, Map<String, String> environment, List<Check> checks) throws IOException {
        ReportFile report = new ReportFile(redaction(directory));
        report.add("versions.txt", "Culvert, Java and kernel", versions());
        RunningClient client = checks.stream()
                .filter(RunningClient.class::isInstance)
                .map(RunningClient.class::cast)
                .findFirst()
                .orElseThrow();
        Doctor.Lines lines = Doctor.Lines.signs();
        report.add(
                "doctor.txt",
                "what 'client doctor' says",
                new Doctor(checks)
                        .look(found -> {}).stream().map(lines::of).collect(Collectors.joining("\n", "", "\n")));
        report.add(
                "status.json",
                "what the client says that is up",
                client.status().map(JSON::writeValueAsString).orElse("{}") + "\n");
        report.add("client.log", "the end of the log of a client in the background", log(ClientJournal.log(directory)));
        report.add("network.txt", "interfaces, addresses, routes and rules of this machine", network());
        report.add("resolv.conf", "whom this machine asks about names", text(Path.of("/etc/resolv.conf")));
        report.add("environment.txt", "variables that have to do with it", variables(environment));
        report.add("state.txt", "names and sizes of the files in " + directory, files(directory));
        return report;
    }

    private static Redaction redaction(Path directory) throws IOException {
        try {
            return Redaction.of(directory);
        } catch (IOException e) {
            throw new IOException(
                    "what is secret in " + directory + " cannot be read (" + FileError.reason(e)
                            + "), and so not be taken out: run this as its owner",
                    e);
        }
    }

    private String versions() {
        return "culvert " + Program.version(spec) + "\njava " + System.getProperty("java.version") + ", "
                + System.getProperty("java.vendor") + ", " + System.getProperty("java.home") + "\n"
                + System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                + System.getProperty("os.arch") + "\n" + Instant.now() + "\n";
    }

    private static String log(Path log) {
        try (RandomAccessFile in = new RandomAccessFile(log.toFile(), "r")) {
            in.seek(Math.max(0, in.length() - MAX_LOG));
            byte[] end = new byte[(int) (in.length() - in.getFilePointer())];
            in.readFully(end);
            return new String(end, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "(" + FileError.reason(e) + ")\n";
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "(" + FileError.reason(e) + ")\n";
        }
    }

    private static String network() {
        try (Host host = Platform.openHost()) {
            return text(host.read());
        } catch (IOException e) {
            return "(" + e.getMessage() + ")\n";
        }
    }

    static String text(HostState state) {
        StringBuilder text = new StringBuilder();
        state.links()
                .forEach(link -> text.append("link ")
                        .append(link.name())
                        .append(link.up() ? " up" : " down")
                        .append(link.carrier() ? "" : " no carrier")
                        .append(link.ipv6() ? "" : " no IPv6")
                        .append(" mtu ")
                        .append(link.mtu())
                        .append('\n'));
        state.addresses()
                .forEach(address -> text.append("address ")
                        .append(AddressText.of(address.address()))
                        .append('/')
                        .append(address.prefixLength())
                        .append(" dev ")
                        .append(name(state, address.link()))
                        .append('\n'));
        state.routes().stream()
                .filter(route -> route.table() != HostState.LOCAL_TABLE)
                .forEach(route -> {
                    InetAddress via = route.via();
                    text.append("route table ")
                            .append(route.table())
                            .append(' ')
                            .append(route.network())
                            .append(' ')
                            .append(route.kind())
                            .append(via == null ? "" : " via " + AddressText.of(via))
                            .append(" dev ")
                            .append(name(state, route.link()))
                            .append(" metric ")
                            .append(route.metric())
                            .append(" proto ")
                            .append(route.protocol())
                            .append('\n');
                });
        state.rules()
                .forEach(rule -> text.append("rule ")
                        .append(rule.ipv6() ? "IPv6 " : "IPv4 ")
                        .append(rule.priority())
                        .append(rule.everything() ? " everything" : " some")
                        .append(" table ")
                        .append(rule.table())
                        .append(rule.suppressed() < 0 ? "" : " but prefixes up to " + rule.suppressed())
                        .append('\n'));
        return text.toString();
    }

    private static String name(HostState state, int link) {
        HostState.Interface found = state.link(link);
        return found == null ? "-" : found.name();
    }

    /** Of what holds a secret the name alone. */
    static String variables(Map<String, String> environment) {
        StringBuilder text = new StringBuilder();
        new TreeMap<>(environment).forEach((name, value) -> {
            if (VARIABLES.matcher(name).matches()) {
                boolean secret = name.contains("TOKEN") || name.contains("PASS");
                text.append(name)
                        .append('=')
                        .append(secret ? Redaction.GONE : value)
                        .append('\n');
            }
        });
        return text.toString();
    }

    private static String files(Path directory) {
        try (var files = Files.list(directory)) {
            StringBuilder text = new StringBuilder();
            for (Path one : files.sorted().toList()) {
                text.append(one.getFileName())
                        .append(' ')
                        .append(Files.size(one))
                        .append('\n');
            }
            return text.toString();
        } catch (IOException e) {
            return "(" + FileError.reason(e) + ")\n";
        }
    }
}
