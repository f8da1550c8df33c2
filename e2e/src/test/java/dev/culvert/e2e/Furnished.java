package dev.culvert.e2e;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A machine of the lab's with Debian's packages that are not installed here: its programs see them, and what they write to /etc, /usr, /var
 * and /run is in memory (scripts/lib/furnish.sh). All of it goes with the lab.
 */
final class Furnished {
    private static final Duration DOWNLOAD = Duration.ofMinutes(5);

    private final Lab lab;
    private final Host host;
    private final Program keeper;

    /** @param packages with those that they need and that a small system may lack */
    Furnished(Lab lab, Host host, String... packages) throws Exception {
        this.lab = lab;
        this.host = host;
        Path lib = Path.of(lab.script("lib"));
        String directory =
                lib.getParent().resolveSibling("target").resolve("extracted").toString();
        List<String> extract = new ArrayList<>(List.of(lib.resolve("extract.sh").toString(), directory));
        extract.addAll(List.of(packages));
        Lab.must(DOWNLOAD, extract.toArray(String[]::new));
        List<String> line = new ArrayList<>(List.of(lib.resolve("furnish.sh").toString(), directory));
        line.addAll(List.of(packages));
        line.addAll(List.of("--", "sh", "-c", "echo furnished; exec sleep infinity"));
        keeper = lab.start(host, "furnished", line.toArray(String[]::new));
        keeper.awaitOutput("furnished", Lab.START);
    }

    private String[] inside(String... command) {
        return Stream.concat(
                        Stream.of("nsenter", "--target", Long.toString(keeper.pid()), "--mount", "--"),
                        Arrays.stream(command))
                .toArray(String[]::new);
    }

    Outcome run(String... command) throws Exception {
        return lab.run(host, Lab.COMMAND, inside(command));
    }

    /** It must succeed. */
    String must(String... command) throws Exception {
        return lab.must(host, inside(command));
    }

    /** A shell's line, which must succeed. */
    String shell(String line) throws Exception {
        return shell(Lab.COMMAND, line);
    }

    String shell(Duration deadline, String line) throws Exception {
        return lab.must(host, deadline, inside("bash", "-c", "set -o pipefail; " + line));
    }

    Program start(String name, Map<String, String> environment, String... command) throws Exception {
        return lab.start(host, name, environment, inside(command));
    }
}
