package dev.culvert.tun.macos;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * macOS asks by domain: a file of each in /etc/resolver (resolver(5)) names its servers, and one with {@code search} adds to the list
 * that names without a dot are tried with. For all names there is a key of configd's (scutil(8)), which the file system knows nothing of
 * and a reboot ends. What another program has written to that directory stays: its domain is then that program's.
 */
public final class MacosResolver implements HostResolver {
    /** Begins each file of ours. */
    static final String HEADER = "# Written by Culvert; it deletes this when it ends.\n";

    static final Path DIRECTORY = Path.of("/etc/resolver");

    /** The name of the file that is of no domain. */
    static final String SEARCH_FILE = "search.culvert";

    /** Ours, for good: what a crash has left is found again. */
    static final String KEY = "State:/Network/Service/6B2C1C62-6D0E-4B0C-9F53-3C6B1E5F0A77/DNS";

    static final String SCUTIL = "/usr/sbin/scutil";

    /** More than a network has domains; each is a file. */
    private static final int MAX_DOMAINS = 512;

    private static final Logger log = LoggerFactory.getLogger(MacosResolver.class);

    private final UndoJournal journal;
    private final SystemActions actions;
    private final Set<String> told = new TreeSet<>();

    MacosResolver(UndoJournal journal, SystemActions actions) {
        this.journal = journal;
        this.actions = actions;
    }

    /** This machine's. */
    public static MacosResolver open(UndoJournal journal) {
        return new MacosResolver(journal, SystemActions.own());
    }

    @Override
    public String name() {
        return DIRECTORY.toString();
    }

    @Override
    public Outcome keep(ResolverConfig config) throws IOException {
        Map<String, String> wanted = files(config);
        boolean changed = false;
        for (UndoStep step : journal.pending()) {
            boolean stale = step instanceof UndoStep.DeleteResolverFile file && !wanted.containsKey(file.name())
                    || step instanceof UndoStep.RemoveResolverKey && !config.everything();
            if (stale) {
                undo(step, actions);
                journal.forget(List.of(step));
                changed = true;
            }
        }
        for (Map.Entry<String, String> file : wanted.entrySet()) {
            changed |= write(file.getKey(), file.getValue());
        }
        if (config.everything()) {
            changed |= setKey(config);
        }
        if (changed) {
            flush();
        }
        return new Outcome(changed, false, "");
    }

    private static Map<String, String> files(ResolverConfig config) {
        StringBuilder servers = new StringBuilder(HEADER);
        config.servers()
                .forEach(server -> servers.append("nameserver ")
                        .append(AddressText.of(server))
                        .append('\n'));
        Map<String, String> files = new LinkedHashMap<>();
        List<String> domains = new ArrayList<>(config.domains());
        config.search().stream().filter(d -> !domains.contains(d)).forEach(domains::add);
        domains.stream()
                .filter(UndoStep.DeleteResolverFile::isName)
                .limit(MAX_DOMAINS)
                .forEach(domain -> files.put(domain, servers.toString()));
        if (!config.search().isEmpty()) {
            files.put(SEARCH_FILE, HEADER + "search " + String.join(" ", config.search()) + "\n");
        }
        return files;
    }

    private boolean write(String name, String content) throws IOException {
        Path file = DIRECTORY.resolve(name);
        String there = actions.read(file);
        if (content.equals(there)) {
            // Ours, of this run or of one whose journal is lost.
            record(new UndoStep.DeleteResolverFile(name));
            return false;
        }
        if (there != null && !there.startsWith(HEADER)) {
            if (told.add(name)) {
                log.warn("names in {} are not asked of the network: {} is another program's", name, file);
            }
            return false;
        }
        record(new UndoStep.DeleteResolverFile(name));
        actions.perform(new SystemAction.Write(file, content));
        return true;
    }

    private void record(UndoStep step) throws IOException {
        if (!journal.pending().contains(step)) {
            journal.record(step);
        }
    }

    private boolean setKey(ResolverConfig config) throws IOException {
        StringBuilder servers = new StringBuilder();
        config.servers().forEach(server -> servers.append(' ').append(AddressText.of(server)));
        String shown = scutil("show " + KEY + "\nquit\n").output();
        boolean there = shown.contains("SupplementalMatchDomains");
        for (String server : servers.toString().strip().split(" ", -1)) {
            there &= shown.lines().anyMatch(line -> line.endsWith(" : " + server));
        }
        record(new UndoStep.RemoveResolverKey());
        if (there) {
            return false;
        }
        // A match for the empty domain is one for all names.
        SystemProgram.Result set = scutil("d.init\nd.add ServerAddresses *" + servers
                + "\nd.add SupplementalMatchDomains * \"\"\nset " + KEY + "\nquit\n");
        if (!set.succeeded() || !set.output().isBlank()) {
            throw new IOException(
                    "scutil set " + KEY + ": " + Printable.line(set.output().strip()));
        }
        return true;
    }

    private SystemProgram.Result scutil(String input) throws IOException {
        return actions.perform(new SystemAction.Run(List.of(SCUTIL), input));
    }

    /** Answers from before are kept by two programs; that one is not there is no harm. */
    private void flush() throws IOException {
        actions.perform(SystemAction.Run.of("/usr/bin/dscacheutil", "-flushcache"));
        actions.perform(SystemAction.Run.of("/usr/bin/killall", "-HUP", "mDNSResponder"));
    }

    /** A file or two, and a program only where all names are asked. */
    @Override
    public Duration lookEach() {
        return Duration.ofSeconds(10);
    }

    @Override
    public void release() throws IOException {
        boolean any = false;
        for (UndoStep step : journal.pending()) {
            if (step instanceof UndoStep.DeleteResolverFile || step instanceof UndoStep.RemoveResolverKey) {
                undo(step, actions);
                journal.forget(List.of(step));
                any = true;
            }
        }
        if (any) {
            flush();
        }
    }

    /** @throws IOException in one line */
    static void undo(UndoStep step, SystemActions actions) throws IOException {
        if (step instanceof UndoStep.DeleteResolverFile delete) {
            Path file = DIRECTORY.resolve(delete.name());
            String there = actions.read(file);
            if (there != null && there.startsWith(HEADER)) {
                actions.perform(new SystemAction.Delete(file));
            }
        } else if (step instanceof UndoStep.RemoveResolverKey) {
            SystemProgram.Result result =
                    actions.perform(new SystemAction.Run(List.of(SCUTIL), "remove " + KEY + "\nquit\n"));
            String said = result.output().strip();
            if (!said.isEmpty() && !said.contains("No such key")) {
                throw new IOException("scutil remove " + KEY + ": " + Printable.line(said));
            }
        } else {
            throw new IllegalArgumentException("undo step " + step + " has no form");
        }
    }
}
