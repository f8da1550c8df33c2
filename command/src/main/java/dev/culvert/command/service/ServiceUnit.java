package dev.culvert.command.service;

import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A program of this installation as a service of systemd: its unit, and its token as a credential of that. The unit is that of the
 * distribution's package where there is one; else it is written beside the administrator's own, with a first line by which it is known
 * again. Blocks.
 */
public final class ServiceUnit {
    private static final FileAttribute<?> PRIVATE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    /** As the units in scripts/systemd name the programs. */
    private static final String PACKAGED = "/usr/lib/culvert/bin/";

    private static final List<String> DISTRIBUTION = List.of("usr/lib/systemd/system", "lib/systemd/system");

    /** Runs a command of this machine. */
    @FunctionalInterface
    public interface Commands {
        /** @throws IOException when it fails, with what it said in one line */
        void run(List<String> command) throws IOException;
    }

    private final String program;
    private final Path root;
    private final @Nullable Path programs;
    private final Commands commands;

    /**
     * @param program client, agent or gateway
     * @param root of the file system
     * @param programs the directory of the launchers; null when this one was started without
     */
    ServiceUnit(String program, Path root, @Nullable Path programs, Commands commands) {
        this.program = program;
        this.root = root;
        this.programs = programs;
        this.commands = commands;
    }

    /** Of this machine, for the installation that this process was started from. */
    public static ServiceUnit of(String program) {
        String launched = System.getProperty("culvert.bin", "");
        return new ServiceUnit(
                program, Path.of("/"), launched.isEmpty() ? null : Path.of(launched), ServiceUnit::runHere);
    }

    /** What systemd knows it by. */
    public String name() {
        return "culvert-" + program + ".service";
    }

    private String mark() {
        return "# Written by '" + program + " service install'; '" + program + " service remove' deletes it.";
    }

    private Path token() {
        return root.resolve("etc/culvert").resolve(program + ".token");
    }

    private Path own() {
        return root.resolve("etc/systemd/system").resolve(name());
    }

    /**
     * Has it started now and at each boot; one that runs is started anew.
     *
     * @param jwt its token; null for a program that has none
     * @return what was done, in lines for people
     * @throws IOException with one line for people; what was done until then can be done again
     */
    public List<String> install(@Nullable String jwt) throws IOException {
        requireSystemd();
        List<String> said = new ArrayList<>();
        try {
            Path given = packaged();
            if (given == null) {
                given = writeUnit();
            }
            if (jwt != null) {
                write(token(), jwt + "\n", true);
                said.add("token: " + token() + " (root's, mode 0600); the service is given it as a credential");
            }
            said.add(0, "unit: " + given);
        } catch (IOException e) {
            throw notWritten(e);
        }
        commands.run(List.of("systemctl", "daemon-reload"));
        commands.run(List.of("systemctl", "enable", "--quiet", name()));
        commands.run(List.of("systemctl", "restart", name()));
        said.add("it runs, and is started at each boot; 'systemctl status " + name() + "' says how it is");
        return said;
    }

    /**
     * Ends it, has it started no more, and deletes what {@link #install} has written. Its state stays.
     *
     * @return what was done, in lines for people
     * @throws IOException with one line for people
     */
    public List<String> remove() throws IOException {
        requireSystemd();
        if (packaged() == null && !Files.exists(own())) {
            throw new IOException("there is no service " + name() + " here");
        }
        commands.run(List.of("systemctl", "disable", "--quiet", "--now", name()));
        List<String> said = new ArrayList<>();
        said.add(name() + " is stopped, and starts no more");
        try {
            if (isOurs()) {
                Files.delete(own());
                said.add("deleted: " + own());
            }
            if (Files.deleteIfExists(token())) {
                said.add("deleted: " + token() + "; to end the token everywhere, 'token revoke'");
            }
        } catch (IOException e) {
            throw notWritten(e);
        }
        commands.run(List.of("systemctl", "daemon-reload"));
        said.add("its state stays; 'systemctl clean --what=state " + name()
                + "' deletes it where the unit is still there," + " else delete /var/lib/private/culvert"
                + (program.equals("gateway") ? "" : "-" + program));
        return said;
    }

    /** As sd_booted(3) has it. */
    private void requireSystemd() throws IOException {
        if (!Files.isDirectory(root.resolve("run/systemd/system"), LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException("systemd does not run this machine; have your service manager run '" + program
                    + (program.equals("client") ? " up" : "") + "'");
        }
    }

    private @Nullable Path packaged() {
        for (String directory : DISTRIBUTION) {
            Path unit = root.resolve(directory).resolve(name());
            if (Files.exists(unit)) {
                return unit;
            }
        }
        return null;
    }

    private boolean isOurs() throws IOException {
        try {
            return Files.readString(own()).startsWith(mark());
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private Path writeUnit() throws IOException {
        if (Files.exists(own()) && !isOurs()) {
            throw new IOException(
                    own() + " is there, and was not written by this command; move it away, or use systemctl");
        }
        Path units = programs == null ? null : units(programs);
        if (programs == null || units == null) {
            throw new IOException(
                    "it is not known where this program is installed; run it by its launcher, bin/" + program);
        }
        commands.run(
                List.of("systemd-sysusers", units.resolve("culvert.sysusers").toString()));
        String unit = Files.readString(units.resolve(name())).replace(PACKAGED, programs + "/");
        Files.createDirectories(own().getParent());
        write(own(), mark() + "\n" + unit, false);
        return own();
    }

    /** In an installation and in the sources. */
    private @Nullable Path units(Path bin) {
        for (Path one : List.of(bin.resolveSibling("share").resolve("systemd"), bin.resolve("systemd"))) {
            if (Files.exists(one.resolve(name()))) {
                return one;
            }
        }
        return null;
    }

    /** Whole or not at all. */
    private static void write(Path file, String text, boolean secret) throws IOException {
        Path directory = file.getParent();
        Files.createDirectories(directory);
        Path fresh = secret
                ? Files.createTempFile(directory, ".culvert-", ".new", PRIVATE)
                : Files.createTempFile(
                        directory,
                        ".culvert-",
                        ".new",
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")));
        try {
            Files.writeString(fresh, text, StandardCharsets.UTF_8);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    private static IOException notWritten(IOException e) {
        return e instanceof AccessDeniedException
                ? new IOException(
                        "only root can do this (" + e.getMessage() + " cannot be written): run it with sudo", e)
                : e;
    }

    private static void runHere(List<String> command) throws IOException {
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .start();
        } catch (IOException e) {
            throw new IOException(command.get(0) + " cannot be run: " + FileError.reason(e), e);
        }
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        try {
            int code = process.waitFor();
            if (code != 0) {
                throw new IOException("'" + String.join(" ", command) + "' ended with exit code " + code
                        + (said.isEmpty()
                                ? ""
                                : ": " + Printable.text(said.lines().findFirst().orElse(""))));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
