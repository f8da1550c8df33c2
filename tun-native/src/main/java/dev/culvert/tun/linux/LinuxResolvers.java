package dev.culvert.tun.linux;

import dev.culvert.tun.Platform;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Who has charge of names on this machine. As Tailscale decides: systemd-resolved, where programs really ask it; resolvconf, where that has
 * written /etc/resolv.conf; else that file itself, NetworkManager's too, which notices and leaves it alone.
 */
public final class LinuxResolvers {
    private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");
    private static final Path NSSWITCH = Path.of("/etc/nsswitch.conf");

    private static final Set<String> RESOLVED_STUBS = Set.of("127.0.0.53", "127.0.0.54");

    private LinuxResolvers() {}

    /** Looks, and changes nothing. */
    public static HostResolver choose(UndoJournal journal) throws IOException {
        requireOwn(RESOLV_CONF);
        ResolvConfFile file = new ResolvConfFile(RESOLV_CONF);
        String text = file.effective();
        if ((asksResolved(text) || asksResolvedFirst(NSSWITCH))
                && ResolvedResolver.isThere(SystemProgram::run, ResolvedResolver.RESOLVECTL)) {
            return new ResolvedResolver(journal, SystemProgram::run, ResolvedResolver.RESOLVECTL);
        }
        if (isOfResolvconf(text)) {
            try {
                return new ResolvconfResolver(journal, SystemProgram::run, ResolvconfResolver.RESOLVCONF, RESOLV_CONF);
            } catch (IOException e) {
                // it was here once, and the file has stayed
            }
        }
        return new DirectResolver(file, journal);
    }

    /** Whether every name server that a resolv.conf(5) names is resolved's stub. */
    static boolean asksResolved(String text) {
        List<String> servers = text.lines()
                .map(line -> line.split("[ \t]+", -1))
                .filter(words -> words[0].equals("nameserver") && words.length > 1)
                .map(words -> words[1])
                .toList();
        return !servers.isEmpty() && RESOLVED_STUBS.containsAll(servers);
    }

    /** Whether an nsswitch.conf(5) has programs ask resolved before name servers. */
    private static boolean asksResolvedFirst(Path nsswitch) {
        try {
            return asksResolvedBeforeDns(Files.readString(nsswitch, StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return false;
        }
    }

    static boolean asksResolvedBeforeDns(String nsswitch) {
        for (String line : nsswitch.split("\n", -1)) {
            List<String> words = List.of(line.strip().split("[ \t]+", -1));
            if (words.get(0).equals("hosts:")) {
                int resolve = words.indexOf("resolve");
                int dns = words.indexOf("dns");
                return resolve >= 0 && (dns < 0 || resolve < dns);
            }
        }
        return false;
    }

    /** Whether the comment at the beginning of a resolv.conf(5) says so. */
    static boolean isOfResolvconf(String text) {
        return text.lines()
                .takeWhile(line -> line.startsWith("#"))
                .anyMatch(line -> line.contains("resolvconf") && !line.contains("systemd-resolved"));
    }

    /** A network namespace that somebody has made, and whose programs read the machine's own file, would change that for all others. */
    private static void requireOwn(Path path) throws IOException {
        Path network = Path.of("/proc/1/ns/net");
        Path machines = Path.of("/proc/1/root").resolve(path.toString().substring(1));
        boolean shared;
        try {
            shared = !Files.readSymbolicLink(network).equals(Files.readSymbolicLink(Path.of("/proc/self/ns/net")))
                    && Objects.equals(identity(path), identity(machines));
        } catch (IOException | RuntimeException e) {
            return; // not to be seen, as in most containers: then it is not another's either
        }
        if (shared) {
            throw new IOException(
                    path + " is that of all other network namespaces, too: it is left as it is; give this one its own"
                            + " (ip-netns(8): /etc/netns/NAME/resolv.conf)");
        }
    }

    private static Object identity(Path path) throws IOException {
        return Files.readAttributes(path, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
    }

    /** As {@link Platform#isLeftHere}. */
    public static boolean isLeftHere(UndoStep step) {
        try {
            return step instanceof UndoStep.RestoreResolvConf restore
                    && new ResolvConfFile(Path.of(restore.path())).isOf(restore);
        } catch (IOException e) {
            return false;
        }
    }

    /** @throws IOException in one line */
    static void undo(UndoStep step) throws IOException {
        if (step instanceof UndoStep.RestoreResolvConf restore) {
            new ResolvConfFile(Path.of(restore.path())).restore(restore);
        } else if (step instanceof UndoStep.RevertResolved revert) {
            ResolvedResolver.undo(revert, SystemProgram::run, ResolvedResolver.RESOLVECTL);
        } else if (step instanceof UndoStep.DeleteResolvconf delete) {
            ResolvconfResolver.undo(delete, SystemProgram::run, ResolvconfResolver.RESOLVCONF);
        } else {
            throw new IllegalArgumentException("undo step " + step + " has no form");
        }
    }
}
