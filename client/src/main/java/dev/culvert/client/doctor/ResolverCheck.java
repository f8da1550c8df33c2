package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Whom this machine asks about names. */
final class ResolverCheck implements Check {
    private static final String SERVER = "nameserver ";

    private final Path file;

    /** @param file as resolv.conf(5) has it */
    ResolverCheck(Path file) {
        this.file = file;
    }

    @Override
    public String name() {
        return "resolver";
    }

    @Override
    public List<Finding> look() throws IOException {
        List<String> servers;
        try {
            servers = Files.readAllLines(file).stream()
                    .map(String::strip)
                    .filter(line -> line.startsWith(SERVER))
                    .map(line -> line.substring(SERVER.length()).strip())
                    .toList();
        } catch (NoSuchFileException e) {
            servers = List.of();
        }
        return List.of(
                servers.isEmpty()
                        ? Finding.bad(
                                name(),
                                file + " names no name server",
                                "write 'nameserver ADDRESS' into it, or start what does (systemd-resolved, NetworkManager)")
                        : Finding.good(name(), "asks " + String.join(", ", servers)));
    }
}
