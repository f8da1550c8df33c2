package dev.culvert.tun.windows;

import dev.culvert.address.AddressText;
import dev.culvert.tun.resolver.ResolverConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Rules of the name resolution policy table (MS-GPNRPT section 2.2.2), by which Windows asks other servers for names in domains: pure.
 * Each is a key with a GUID for its name; ours have GUIDs that are ours for good, so that what a crash has left is found again.
 */
final class NameRules {
    /** Where rules of this machine are. */
    static final String LOCAL = "SYSTEM\\CurrentControlSet\\Services\\Dnscache\\Parameters\\DnsPolicyConfig";

    /** Where those of a domain's administrators are: where there is any, Windows reads no others. */
    static final String POLICY = "SOFTWARE\\Policies\\Microsoft\\Windows NT\\DNSClient\\DnsPolicyConfig";

    /** Of an interface, in whose domains names without a dot are tried. */
    static final String INTERFACES = "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\";

    static final String NAME = "Name";
    static final String SERVERS = "GenericDNSServers";
    static final String OPTIONS = "ConfigOptions";
    static final String VERSION = "Version";
    static final String SEARCH_LIST = "SearchList";

    /** Of {@link #OPTIONS}: the rule names servers. */
    private static final int HAS_SERVERS = 8;

    /** Of Windows 8 and later. */
    private static final int RULE_VERSION = 2;

    /** Windows takes a rule with more for none. */
    private static final int MAX_NAMES = 50;

    /** More than a network has domains. */
    private static final int MAX_DOMAINS = 512;

    /** As many as those need, two names each. */
    static final int MAX_RULES = (2 * MAX_DOMAINS + MAX_NAMES - 1) / MAX_NAMES;

    private static final String EVERYTHING = ".";

    private NameRules() {}

    /** The key of a rule of ours. */
    static String key(int number) {
        return String.format(Locale.ROOT, "{8D2E7C14-5B0A-4C53-9E1F-C01FE27A%04X}", number);
    }

    static boolean isOurs(String key) {
        for (int i = 0; i < MAX_RULES; i++) {
            if (key(i).equalsIgnoreCase(key)) {
                return true;
            }
        }
        return false;
    }

    /** The key of an adapter of ours. */
    static String interfaceKey(String ifName) {
        return INTERFACES + AdapterGuid.text(ifName);
    }

    /** What is asked of our servers: names at or below. */
    static Set<String> domains(ResolverConfig config) {
        if (config.everything()) {
            return Set.of(EVERYTHING);
        }
        Set<String> domains = new LinkedHashSet<>(config.domains());
        domains.addAll(config.search());
        return domains.stream().limit(MAX_DOMAINS).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** The domain that a rule's name is about: what begins with a dot is for all below. */
    static String domain(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return lower.length() > 1 && lower.startsWith(".") ? lower.substring(1) : lower;
    }

    /** Values of rules, by their keys. */
    static Map<String, Map<String, RegistryValue>> of(Set<String> domains, ResolverConfig config) {
        List<String> names = new ArrayList<>();
        for (String domain : domains) {
            if (domain.equals(EVERYTHING)) {
                names.add(domain);
            } else {
                names.add("." + domain);
                names.add(domain); // which the other does not match
            }
        }
        String servers = config.servers().stream().map(AddressText::of).collect(Collectors.joining(";"));
        Map<String, Map<String, RegistryValue>> rules = new LinkedHashMap<>();
        for (int from = 0; from < names.size(); from += MAX_NAMES) {
            Map<String, RegistryValue> values = new LinkedHashMap<>();
            values.put(NAME, new RegistryValue.Texts(names.subList(from, Math.min(names.size(), from + MAX_NAMES))));
            values.put(SERVERS, new RegistryValue.Text(servers));
            values.put(OPTIONS, new RegistryValue.Number(HAS_SERVERS));
            values.put(VERSION, new RegistryValue.Number(RULE_VERSION));
            rules.put(key(rules.size()), values);
        }
        return rules;
    }
}
