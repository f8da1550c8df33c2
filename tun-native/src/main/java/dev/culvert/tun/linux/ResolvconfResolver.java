package dev.culvert.tun.linux;

import dev.culvert.address.AddressText;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * resolvconf, Debian's or openresolv, which makes /etc/resolv.conf of what it is given for each interface: ours is the first name server
 * there, openresolv's only one. All names are asked of it, so it passes on those in no domain to the servers that were there before.
 */
final class ResolvconfResolver implements HostResolver {
    /** Debian's sorts by interface: {@code tun*} comes before others. */
    static final String RECORD = "tun.culvert";

    static final String RESOLVCONF = "resolvconf";

    private final UndoJournal journal;
    private final String program;
    private final boolean openresolv;
    private final ResolvConfFile file;
    private String given = "";
    private String before = "";

    /**
     * @param program {@link #RESOLVCONF}
     * @param file that it makes
     * @throws IOException if there is no such program
     */
    ResolvconfResolver(UndoJournal journal, String program, Path file) throws IOException {
        this.journal = journal;
        this.program = program;
        this.openresolv = isOpenresolv(program);
        this.file = new ResolvConfFile(file);
    }

    /** Whether the program is openresolv's, which says so; Debian's knows no such option. */
    private static boolean isOpenresolv(String program) throws IOException {
        SystemProgram.Result version = SystemProgram.run("", List.of(program, "--version"));
        return version.succeeded() && version.output().startsWith("openresolv");
    }

    @Override
    public String name() {
        return openresolv ? "openresolv" : "resolvconf";
    }

    @Override
    public Outcome keep(ResolverConfig config) throws IOException {
        StringBuilder text = new StringBuilder();
        config.servers()
                .forEach(server -> text.append("nameserver ")
                        .append(AddressText.of(server))
                        .append('\n'));
        if (!config.search().isEmpty()) {
            text.append("search ").append(String.join(" ", config.search())).append('\n');
        }
        String now = file.effective();
        boolean isFirst = now.lines()
                .filter(line -> line.startsWith("nameserver"))
                .findFirst()
                .filter(("nameserver " + AddressText.of(config.servers().get(0)))::equals)
                .isPresent();
        boolean changed = !isFirst || !given.contentEquals(text);
        if (changed) {
            if (!isFirst) {
                before = now;
            }
            UndoStep step = new UndoStep.DeleteResolvconf(RECORD);
            if (!journal.pending().contains(step)) {
                journal.record(step);
            }
            SystemProgram.must(
                    text.toString(),
                    openresolv ? List.of(program, "-m", "0", "-x", "-a", RECORD) : List.of(program, "-a", RECORD));
            given = text.toString();
        }
        return new Outcome(changed, true, before);
    }

    /** A file of a few lines. */
    @Override
    public Duration lookEach() {
        return Duration.ofSeconds(2);
    }

    @Override
    public void release() throws IOException {
        UndoStep.DeleteResolvconf step = new UndoStep.DeleteResolvconf(RECORD);
        if (journal.pending().contains(step)) {
            undo(step, program);
            journal.forget(List.of(step));
            given = "";
        }
    }

    static void undo(UndoStep.DeleteResolvconf step, String program) throws IOException {
        SystemProgram.must(
                "",
                isOpenresolv(program)
                        ? List.of(program, "-f", "-d", step.record())
                        : List.of(program, "-d", step.record()));
    }
}
