package dev.culvert.tun.linux;

import dev.culvert.address.AddressText;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import dev.culvert.tun.undo.UndoStep.RestoreResolvConf;
import java.io.IOException;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Writes resolv.conf(5) itself, where nobody else has charge of it. It knows of no domains: all names are asked of ours, which passes on
 * those in none. Whoever writes it meanwhile (a DHCP client) has said whom to pass them on to, and what to put back in the end.
 */
final class DirectResolver implements HostResolver {
    /** What programs take of the list, see resolv.conf(5). */
    static final int MAX_SEARCH = 32;

    private final ResolvConfFile file;
    private final UndoJournal journal;

    /** Of the file, by which it is found again, whatever has become of the number of its network namespace. */
    private String mark;

    /** As {@link Outcome#before}; of a link it is what it led to. */
    private String before = "";

    DirectResolver(ResolvConfFile file, UndoJournal journal) {
        this.file = file;
        this.journal = journal;
        byte[] random = new byte[8];
        new SecureRandom().nextBytes(random);
        this.mark = HexFormat.of().formatHex(random);
    }

    @Override
    public String name() {
        return "/etc/resolv.conf";
    }

    @Override
    public Outcome keep(ResolverConfig config) throws IOException {
        RestoreResolvConf there = file.read();
        if (!ResolvConfFile.isOurs(there)) {
            before = file.effective();
            replaceStep(there.of(mark));
        } else if (recorded() == null) {
            if (config.servers().stream().noneMatch(server -> there.content().contains(line(server)))) {
                throw new IOException(name() + " is another client's of this machine: it asks that one alone");
            }
            // Ours, of a run whose journal is lost: nobody knows what was there.
            mark = ResolvConfFile.mark(there);
            journal.record(new RestoreResolvConf(there.path(), RestoreResolvConf.Kind.NOTHING, "", 0, 0, 0, mark));
        }
        String text = text(config);
        boolean changed = !text.equals(there.content());
        if (changed) {
            file.write(text);
        }
        return new Outcome(changed, true, before);
    }

    /** What was there last is what is put back; the journal never knows of nothing meanwhile. */
    private void replaceStep(RestoreResolvConf step) throws IOException {
        RestoreResolvConf older = recorded();
        if (step.equals(older)) {
            return;
        }
        journal.record(step);
        if (older != null) {
            journal.forget(List.of(older));
        }
    }

    private @Nullable RestoreResolvConf recorded() {
        RestoreResolvConf last = null;
        for (UndoStep step : journal.pending()) {
            if (step instanceof RestoreResolvConf restore) {
                last = restore;
            }
        }
        return last;
    }

    private String text(ResolverConfig config) {
        StringBuilder text = new StringBuilder(ResolvConfFile.header(mark));
        config.servers().forEach(server -> text.append(line(server)));
        List<String> search = new ArrayList<>(config.search());
        before.lines()
                .filter(line -> line.startsWith("search ") || line.startsWith("domain "))
                .reduce((first, last) -> last)
                .ifPresent(line -> Stream.of(line.split("[ \t]+")).skip(1).forEach(search::add));
        if (!search.isEmpty()) {
            text.append("search ")
                    .append(String.join(
                            " ", search.stream().distinct().limit(MAX_SEARCH).toList()))
                    .append('\n');
        }
        before.lines()
                .filter(line -> line.startsWith("options ") || line.startsWith("sortlist "))
                .forEach(line -> text.append(line).append('\n'));
        return text.toString();
    }

    private static String line(InetAddress server) {
        return "nameserver " + AddressText.of(server) + "\n";
    }

    /** A file of a few lines. */
    @Override
    public Duration lookEach() {
        return Duration.ofSeconds(2);
    }

    @Override
    public void release() throws IOException {
        RestoreResolvConf step = recorded();
        if (step != null) {
            file.restore(step);
            journal.forget(List.of(step));
        }
    }
}
