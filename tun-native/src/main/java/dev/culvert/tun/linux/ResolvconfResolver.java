package dev.culvert.tun.linux;

import dev.culvert.address.AddressText;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * resolvconf, Debian's or openresolv, which makes /etc/resolv.conf of what it is given for each interface: ours is the first name server
 * there, openresolv's only one. All names are asked of it, so it passes on those in no domain to the servers that the other interfaces have,
 * as they are now: a lease is another one after each move.
 */
final class ResolvconfResolver implements HostResolver {
    /** Debian's sorts by interface: {@code tun*} comes before others. */
    static final String RECORD = "tun.culvert";

    static final String RESOLVCONF = "resolvconf";

    private static final String SERVER = "nameserver ";

    /** How openresolv begins what an interface has. */
    private static final String FROM = "# resolv.conf from ";

    private final UndoJournal journal;
    private final SystemProgram.Runner system;
    private final String program;
    private final boolean openresolv;
    private final ResolvConfFile file;
    private String given = "";
    private String before = "";

    /** What it has made of ours where that was of no use. */
    private String inVain = "";

    /**
     * @param program {@link #RESOLVCONF}
     * @param file that it makes
     * @throws IOException if there is no such program
     */
    ResolvconfResolver(UndoJournal journal, SystemProgram.Runner system, String program, Path file) throws IOException {
        this.journal = journal;
        this.system = system;
        this.program = program;
        this.openresolv = isOpenresolv(system, program);
        this.file = new ResolvConfFile(file);
    }

    /** Whether the program is openresolv's, as it says. */
    private static boolean isOpenresolv(SystemProgram.Runner system, String program) throws IOException {
        SystemProgram.Result version = system.run("", List.of(program, "--version"));
        return version.succeeded() && version.output().startsWith("openresolv");
    }

    @Override
    public String name() {
        return openresolv ? "openresolv" : "resolvconf";
    }

    @Override
    public Outcome keep(ResolverConfig config) throws IOException {
        String now = file.effective();
        boolean first = isFirst(config, now);
        if (!first || !openresolv) {
            before = now;
        }
        String others = openresolv ? ofOthers() : "";
        if (others.contains(SERVER)) {
            before = others;
        }
        String text = text(config, others);
        boolean changed = !first || !given.equals(text);
        if (changed) {
            if (given.equals(text) && now.equals(inVain)) {
                throw notFirst();
            }
            UndoStep step = new UndoStep.DeleteResolvconf(RECORD);
            if (!journal.pending().contains(step)) {
                journal.record(step);
            }
            SystemProgram.Result result = system.run(
                    text,
                    openresolv ? List.of(program, "-m", "0", "-x", "-a", RECORD) : List.of(program, "-a", RECORD));
            given = text;
            String made = file.effective();
            if (!isFirst(config, made)) {
                inVain = result.succeeded() ? made : "";
                result.must(program); // or it is not to be had so
                throw notFirst();
            }
            // Where some program that it tells of it (unbound, named) could not take it in, its exit code says so; the
            // file is made.
        }
        return new Outcome(changed, true, before);
    }

    private static boolean isFirst(ResolverConfig config, String text) {
        return text.lines()
                .filter(line -> line.startsWith(SERVER.strip()))
                .findFirst()
                .filter((SERVER + AddressText.of(config.servers().get(0)))::equals)
                .isPresent();
    }

    private IOException notFirst() {
        return new IOException(name() + " does not put the interface's name server first in /etc/resolv.conf: "
                + (openresolv
                        ? "leave name_servers out of /etc/resolvconf.conf"
                        : "a name server of this machine itself goes before it")
                + ", or have that server ask it about the domains (--keep-resolver)");
    }

    /** What openresolv has of the other interfaces; empty when there is nothing. */
    private String ofOthers() throws IOException {
        StringBuilder others = new StringBuilder();
        boolean ours = false;
        // Its exit code says whether there are any.
        for (String line :
                system.run("", List.of(program, "-l")).output().lines().toList()) {
            if (line.startsWith(FROM)) {
                ours = line.equals(FROM + RECORD);
            }
            if (!ours) {
                others.append(line).append('\n');
            }
        }
        return others.toString();
    }

    /** Debian's puts the search lists together by itself. */
    private static String text(ResolverConfig config, String others) {
        StringBuilder text = new StringBuilder();
        config.servers()
                .forEach(server ->
                        text.append(SERVER).append(AddressText.of(server)).append('\n'));
        String search = Stream.concat(
                        config.search().stream(),
                        others.lines()
                                .map(line -> line.strip().split("[ \t]+"))
                                .filter(words -> words[0].equals("search") || words[0].equals("domain"))
                                .flatMap(words -> Arrays.stream(words).skip(1)))
                .distinct()
                .limit(DirectResolver.MAX_SEARCH)
                .collect(Collectors.joining(" "));
        if (!search.isEmpty()) {
            text.append("search ").append(search).append('\n');
        }
        return text.toString();
    }

    /** A file of a few lines; of openresolv a program is asked, too. */
    @Override
    public Duration lookEach() {
        return Duration.ofSeconds(openresolv ? 10 : 2);
    }

    @Override
    public void release() throws IOException {
        UndoStep.DeleteResolvconf step = new UndoStep.DeleteResolvconf(RECORD);
        if (journal.pending().contains(step)) {
            undo(step, system, program);
            journal.forget(List.of(step));
            given = "";
        }
    }

    static void undo(UndoStep.DeleteResolvconf step, SystemProgram.Runner system, String program) throws IOException {
        List<String> line = isOpenresolv(system, program)
                ? List.of(program, "-f", "-d", step.record())
                : List.of(program, "-d", step.record());
        // A program that it tells of it may have failed. Then the record is gone all the same, and nobody is told the
        // second time.
        if (!system.run("", line).succeeded()) {
            system.must("", line);
        }
    }
}
