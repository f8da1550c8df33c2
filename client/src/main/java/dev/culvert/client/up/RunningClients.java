package dev.culvert.client.up;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Clients of this machine as /proc shows them to everybody: those, too, whose journal is another user's, or elsewhere. */
final class RunningClients {
    private static final Pattern PID = Pattern.compile("[1-9][0-9]{0,9}");

    /** The number of the interface is the kernel's. */
    private static final Pattern DEFAULT_INTERFACE = Pattern.compile("culvert[0-9]+");

    /** As many as a line of text has room for. */
    private static final int MOST = 8;

    private final Path proc;
    private final String mainClass;

    /**
     * @param proc /proc
     * @param mainClass what a client is started with
     */
    RunningClients(Path proc, String mainClass) {
        this.proc = proc;
        this.mainClass = mainClass;
    }

    /**
     * The process ids of clients that are up in this network namespace, or may be, as far as this user can tell: of
     * several that name their interface alike in namespaces of their own he cannot tell which one is here.
     */
    List<Long> find() throws IOException {
        List<Long> found = new ArrayList<>();
        List<String> interfaces = interfaces();
        Optional<Path> own = namespace("self");
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(
                proc, p -> PID.matcher(p.getFileName().toString()).matches())) {
            for (Path process : processes) {
                String id = process.getFileName().toString();
                List<String> line = commandLine(process);
                int up = line.indexOf(mainClass) + 1;
                if (up == 0 || up >= line.size() || !line.get(up).equals("up")) {
                    continue;
                }
                // Whose process it is decides whether we may see its namespace; its interface is for everybody to see.
                Optional<Path> other = namespace(id);
                if (other.isPresent() ? other.equals(own) : interfaces.stream().anyMatch(i -> names(line, i))) {
                    found.add(Long.parseLong(id));
                }
            }
        }
        return found.stream().sorted().limit(MOST).toList();
    }

    /** Some of them in a line for people. */
    static String named(List<Long> processes) {
        return "process " + processes.stream().map(String::valueOf).collect(Collectors.joining(" or "));
    }

    /** Whether a process is a client, as what it was started with says. */
    boolean isClient(long process) {
        return commandLine(proc.resolve(Long.toString(process))).contains(mainClass);
    }

    private static boolean names(List<String> line, String name) {
        int option = line.lastIndexOf("--tun");
        if (option >= 0 && option + 1 < line.size()) {
            return line.get(option + 1).equals(name);
        }
        return line.stream().anyMatch(a -> a.startsWith("--tun="))
                ? line.contains("--tun=" + name)
                : DEFAULT_INTERFACE.matcher(name).matches();
    }

    private Optional<Path> namespace(String process) {
        try {
            return Optional.of(
                    Files.readSymbolicLink(proc.resolve(process).resolve("ns").resolve("net")));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static List<String> commandLine(Path process) {
        try {
            return List.of(Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                    .split("\0"));
        } catch (IOException e) {
            return List.of(); // it has ended meanwhile
        }
    }

    /** Of our own network namespace, whatever /sys is. */
    private List<String> interfaces() throws IOException {
        return Files.readAllLines(proc.resolve("self").resolve("net").resolve("dev"), StandardCharsets.ISO_8859_1)
                .stream()
                .filter(line -> line.indexOf(':') > 0)
                .map(line -> line.substring(0, line.indexOf(':')).strip())
                .toList();
    }
}
