package dev.culvert.tun.windows;

import dev.culvert.text.Printable;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Windows asks by domain, too: rules in the registry ({@link NameRules}), which a crash and a reboot leave. A domain that another's rule is
 * about stays that one's. Where group policy has rules Windows reads no others, so ours are beside those then, and only then: ours alone
 * there would end what this machine's other programs have set.
 */
public final class WindowsResolver implements HostResolver {
    private static final Logger log = LoggerFactory.getLogger(WindowsResolver.class);

    private final UndoJournal journal;
    private final Registry registry;
    private final SystemActions actions;
    private final String systemDirectory;
    private final Set<String> told = new TreeSet<>();

    WindowsResolver(UndoJournal journal, Registry registry, SystemActions actions, String systemDirectory) {
        this.journal = journal;
        this.registry = registry;
        this.actions = actions;
        this.systemDirectory = systemDirectory;
    }

    /** This machine's. */
    public static WindowsResolver open(UndoJournal journal) throws IOException {
        RegistryApi registry = RegistryApi.open();
        return new WindowsResolver(journal, registry, SystemActions.own(), registry.systemDirectory());
    }

    @Override
    public String name() {
        return "NRPT";
    }

    @Override
    public Outcome keep(ResolverConfig config) throws IOException {
        UndoStep.DeleteNameRules step = new UndoStep.DeleteNameRules(config.ifName());
        if (!journal.pending().contains(step)) {
            journal.record(step);
        }
        Set<String> domains = NameRules.domains(config);
        Set<String> others = others(NameRules.LOCAL);
        boolean policy = foreign(NameRules.POLICY);
        others.addAll(others(NameRules.POLICY));
        if (policy && told.add(NameRules.POLICY)) {
            log.warn("group policy says whom this machine asks for names: the network's domains are added to it");
        }
        for (String domain : Set.copyOf(domains)) {
            if (others.contains(domain) && told.add(domain)) {
                log.warn(
                        "names in {} are not asked of the network: a rule of another program or of group policy is about"
                                + " them (in PowerShell: Get-DnsClientNrptRule)",
                        domain);
            }
        }
        Set<String> ours = new LinkedHashSet<>(domains);
        ours.removeAll(others);
        Map<String, Map<String, RegistryValue>> rules = NameRules.of(ours, config);
        boolean changed = set(NameRules.LOCAL, rules);
        boolean policyChanged = set(NameRules.POLICY, policy ? rules : Map.of());
        changed |= search(config);
        if (policyChanged) {
            registry.refreshPolicy();
        }
        if (changed || policyChanged) {
            refresh(actions, systemDirectory);
        }
        return new Outcome(changed || policyChanged, false, "");
    }

    private boolean foreign(String path) throws IOException {
        return registry.keys(path).stream().anyMatch(key -> !NameRules.isOurs(key));
    }

    private Set<String> others(String path) throws IOException {
        Set<String> domains = new HashSet<>();
        for (String key : registry.keys(path)) {
            if (!NameRules.isOurs(key)
                    && registry.value(path + "\\" + key, NameRules.NAME) instanceof RegistryValue.Texts names) {
                names.texts().forEach(name -> domains.add(NameRules.domain(name)));
            }
        }
        return domains;
    }

    private boolean set(String path, Map<String, Map<String, RegistryValue>> rules) throws IOException {
        boolean changed = false;
        for (String key : registry.keys(path)) {
            if (NameRules.isOurs(key) && !rules.containsKey(key)) {
                registry.deleteKey(path + "\\" + key);
                changed = true;
            }
        }
        for (Map.Entry<String, Map<String, RegistryValue>> rule : rules.entrySet()) {
            for (Map.Entry<String, RegistryValue> value : rule.getValue().entrySet()) {
                changed |= set(path + "\\" + rule.getKey(), value.getKey(), value.getValue());
            }
        }
        return changed;
    }

    private boolean set(String path, String name, RegistryValue value) throws IOException {
        if (value.equals(registry.value(path, name))) {
            return false;
        }
        registry.set(path, name, value);
        return true;
    }

    private boolean search(ResolverConfig config) throws IOException {
        String path = NameRules.interfaceKey(config.ifName());
        if (!config.search().isEmpty()) {
            return set(path, NameRules.SEARCH_LIST, new RegistryValue.Text(String.join(",", config.search())));
        }
        if (registry.value(path, NameRules.SEARCH_LIST) == null) {
            return false;
        }
        registry.deleteValue(path, NameRules.SEARCH_LIST);
        return true;
    }

    /** A few keys. */
    @Override
    public Duration lookEach() {
        return Duration.ofSeconds(10);
    }

    @Override
    public void release() throws IOException {
        for (UndoStep step : journal.pending()) {
            if (step instanceof UndoStep.DeleteNameRules rules) {
                undo(rules, registry, actions, systemDirectory);
                journal.forget(List.of(step));
            }
        }
    }

    /** @throws IOException in one line */
    static void undo(UndoStep.DeleteNameRules step, Registry registry, SystemActions actions, String systemDirectory)
            throws IOException {
        boolean any = false;
        for (String path : List.of(NameRules.LOCAL, NameRules.POLICY)) {
            boolean here = false;
            for (String key : registry.keys(path)) {
                if (NameRules.isOurs(key)) {
                    registry.deleteKey(path + "\\" + key);
                    here = true;
                }
            }
            if (here && path.equals(NameRules.POLICY)) {
                registry.refreshPolicy();
            }
            any |= here;
        }
        String link = NameRules.interfaceKey(step.ifName());
        if (registry.value(link, NameRules.SEARCH_LIST) != null) {
            registry.deleteValue(link, NameRules.SEARCH_LIST);
            any = true;
        }
        if (any) {
            refresh(actions, systemDirectory);
        }
    }

    /** Has the service that asks read its rules anew, and forget answers from before. That it cannot is said, and no harm after a while. */
    private static void refresh(SystemActions actions, String systemDirectory) throws IOException {
        for (SystemAction.Run run : List.of(
                SystemAction.Run.of(systemDirectory + "\\sc.exe", "control", "dnscache", "paramchange"),
                SystemAction.Run.of(systemDirectory + "\\ipconfig.exe", "/flushdns"))) {
            SystemProgram.Result result = actions.perform(run);
            if (!result.succeeded()) {
                log.debug("{}: {}", run.text(), Printable.line(result.output().strip()));
            }
        }
    }
}
