package dev.culvert.tun.linux;

import dev.culvert.address.AddressText;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * systemd-resolved, told by {@code resolvectl} what the interface's name servers are and for which domains. It forgets all of it with the
 * interface, so that a crash cleans up by itself unless the interface is somebody else's.
 */
final class ResolvedResolver implements HostResolver {
    static final String RESOLVECTL = "resolvectl";

    /** A domain that is not for the search list, only for choosing the servers. */
    private static final String ROUTING_ONLY = "~";

    /** Of one call: resolved takes 256 and more, old ones fewer. */
    static final int MAX_DOMAINS = 128;

    private final UndoJournal journal;
    private final SystemProgram.Runner system;
    private final String program;

    /** A call has failed, and those behind it were not made: what resolved says of domains does not show that. */
    private boolean unfinished;

    private String caveat = "";

    /** @param program that tells resolved: {@link #RESOLVECTL} */
    ResolvedResolver(UndoJournal journal, SystemProgram.Runner system, String program) {
        this.journal = journal;
        this.system = system;
        this.program = program;
    }

    /** Whether it runs and answers. */
    static boolean isThere(SystemProgram.Runner system, String program) {
        try {
            return system.run("", List.of(program, "dns")).succeeded();
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public String name() {
        return "systemd-resolved";
    }

    @Override
    public Outcome keep(ResolverConfig config) throws IOException {
        String ifName = config.ifName();
        Set<String> servers = new LinkedHashSet<>();
        config.servers().forEach(server -> servers.add(AddressText.of(server)));
        Set<String> domains = domains(config);
        caveat = caveat(config);
        boolean changed = unfinished
                || !said("dns", ifName).equals(servers)
                || !said("domain", ifName).equals(domains);
        if (changed) {
            unfinished = true;
            UndoStep step = new UndoStep.RevertResolved(ifName);
            if (!journal.pending().contains(step)) {
                journal.record(step);
            }
            must("dns", ifName, servers);
            must("domain", ifName, domains);
            must("default-route", ifName, List.of(config.everything() ? "yes" : "no"));
            // Not every version knows all of these, and none of them is needed.
            for (String off : List.of("llmnr", "mdns", "dnsovertls", "dnssec")) {
                system.run("", List.of(program, off, ifName, "no"));
            }
            system.run("", List.of(program, "flush-caches"));
            unfinished = false;
        }
        return new Outcome(changed, false, "");
    }

    private static Set<String> domains(ResolverConfig config) {
        Set<String> domains = new LinkedHashSet<>(config.search());
        domains.addAll(others(config)
                .limit(MAX_DOMAINS)
                .map(domain -> ROUTING_ONLY + domain)
                .toList());
        if (config.everything()) {
            domains.add(ROUTING_ONLY + ".");
        }
        return domains;
    }

    /** Those that are only for choosing the servers. */
    private static Stream<String> others(ResolverConfig config) {
        Set<String> search = new HashSet<>(config.search());
        return config.domains().stream().distinct().filter(domain -> !search.contains(domain));
    }

    private static String caveat(ResolverConfig config) {
        List<String> others = others(config).toList();
        int left = others.size() - MAX_DOMAINS;
        return left <= 0 || config.everything()
                ? ""
                : "systemd-resolved is told of " + MAX_DOMAINS
                        + " domains and reverse zones of routed networks, and there are "
                        + left + " more, from '" + others.get(MAX_DOMAINS)
                        + "' on, whose names are asked for elsewhere: name fewer or shorter ones (--domain, domains of the"
                        + " token), or route less (--route); --full asks for all names here";
    }

    @Override
    public String caveat() {
        return caveat;
    }

    /** What it says of a link: {@code Link 7 (culvert0): corp.example ~.}. */
    private Set<String> said(String what, String ifName) throws IOException {
        String line = system.must("", List.of(program, what, ifName)).strip();
        int colon = line.indexOf("):");
        return colon < 0 ? Set.of() : words(line.substring(colon + 2));
    }

    private static Set<String> words(String text) {
        Set<String> words = new LinkedHashSet<>(Arrays.asList(text.strip().split("\\s+", -1)));
        words.remove("");
        return words;
    }

    private void must(String what, String ifName, Iterable<String> values) throws IOException {
        List<String> line = new ArrayList<>(List.of(program, what, ifName));
        values.forEach(line::add);
        system.must("", line);
    }

    /** Two programs each time. */
    @Override
    public Duration lookEach() {
        return Duration.ofSeconds(10);
    }

    @Override
    public void release() throws IOException {
        for (UndoStep step : journal.pending()) {
            if (step instanceof UndoStep.RevertResolved revert) {
                undo(revert, system, program);
                journal.forget(List.of(step));
            }
        }
    }

    /** What is gone with its interface, or with resolved, needs no undoing. */
    static void undo(UndoStep.RevertResolved step, SystemProgram.Runner system, String program) throws IOException {
        SystemProgram.Result result = system.run("", List.of(program, "revert", step.ifName()));
        if (!result.succeeded()
                && isThere(system, program)
                && system.run("", List.of(program, "dns", step.ifName())).succeeded()) {
            throw new IOException("resolvectl revert " + step.ifName() + ": "
                    + result.output().strip());
        }
    }
}
