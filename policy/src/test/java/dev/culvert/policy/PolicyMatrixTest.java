package dev.culvert.policy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.SeededRandom;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * A hundred thousand random flows against random policies: parser, compiler and explanation together must say what reading
 * the rules one by one, bit by bit and minute by minute says. The policies go through their text.
 */
@NullUnmarked
class PolicyMatrixTest {
    private static final int POLICIES = 10_000;
    private static final int FLOWS = 10;

    private static final List<String> DAYS = List.of("mon", "tue", "wed", "thu", "fri", "sat", "sun");
    private static final List<String> ZONES = List.of("UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata");

    /** Around the change of clocks in Europe and America, where wall clock rules are hardest. */
    private static final List<Instant> EPOCHS = List.of(
            Instant.parse("2026-03-28T00:00:00Z"),
            Instant.parse("2026-10-24T12:00:00Z"),
            Instant.parse("2026-10-31T12:00:00Z"),
            Instant.parse("2026-11-20T00:00:00Z"));

    /** A rule as the test writes it down; the reference reads this and nothing of what is tested. */
    private static final class Written {
        List<String> who;
        List<String> agents;
        List<String> to = new ArrayList<>();
        List<String> ports = new ArrayList<>();
        List<Window> when = new ArrayList<>();
        Instant until;
    }

    private record Window(Set<String> days, int from, int to, String zone) {}

    private record Asked(
            String client, String agent, Transport transport, InetAddress address, String name, int port) {}

    private final SeededRandom random = SeededRandom.create();
    private final Map<String, List<String>> groups = new TreeMap<>();
    private final Map<String, List<String>> tags = new TreeMap<>();
    private final List<Written> denies = new ArrayList<>();
    private final List<Written> grants = new ArrayList<>();
    private Instant now;

    @Test
    void agreesWithReadingTheRulesOneByOne() throws Exception {
        int allowed = 0;
        int byDeny = 0;
        for (int i = 0; i < POLICIES; i++) {
            write();
            String text = yaml();
            Policy policy = PolicyParser.parse(text);
            SensitiveAddresses sensitive = SensitiveAddresses.with(List.of(random.address(), random.address()));
            PolicySnapshot snapshot = policy.at(now, sensitive);
            for (int k = 0; k < FLOWS; k++) {
                Asked asked = ask();
                Instant at = later(snapshot);
                Written deny = first(denies, asked, sensitive, true, at);
                Written grant = deny != null ? null : first(grants, asked, sensitive, false, at);
                Reach reach = snapshot.client(asked.client).through(asked.agent);
                Verdict verdict = asked.address != null
                        ? reach.judge(asked.transport, asked.address, asked.port)
                        : reach.judgeName(asked.transport, asked.name, asked.port);
                String what = asked + " at " + at + ", seed " + random.seed + ", policy " + i + "\n" + text;
                assertThat(verdict.allowed()).as(what).isEqualTo(grant != null);
                Written rule = deny != null ? deny : grant;
                assertThat(verdict.rule() == null ? -1 : verdict.rule().index())
                        .as(what)
                        .isEqualTo(rule == null ? -1 : (deny != null ? denies : grants).indexOf(rule));
                Flow flow = new Flow(
                        asked.transport,
                        asked.address,
                        asked.name == null ? null : HostPattern.normalize(asked.name),
                        asked.port);
                Explanation explained = Explanation.of(policy, sensitive, asked.client, asked.agent, flow, at);
                assertThat(explained.allowed()).as(what).isEqualTo(verdict.allowed());
                assertThat(explained.rule()).as(what).isEqualTo(verdict.rule());
                if (asked.address != null) {
                    boolean listed = sensitive.permits(reach.prefixes(asked.transport, asked.port), asked.address)
                            && reach.denied(asked.transport, asked.port).stream()
                                    .noneMatch(p -> inside(asked.address, p));
                    assertThat(listed).as("lists of prefixes; " + what).isEqualTo(grant != null);
                }
                allowed += grant != null ? 1 : 0;
                byDeny += deny != null ? 1 : 0;
            }
        }
        // Else it would have shown little.
        assertThat(allowed).isBetween(POLICIES * FLOWS / 20, POLICIES * FLOWS * 19 / 20);
        assertThat(byDeny).isGreaterThan(POLICIES * FLOWS / 100);
    }

    /** A moment until which the snapshot says that it holds. */
    private Instant later(PolicySnapshot snapshot) {
        Instant until = snapshot.validUntil();
        long seconds = until == null ? 100_000 : Duration.between(now, until).toSeconds();
        assertThat(seconds)
                .as("valid until %s at %s, seed %d", until, now, random.seed)
                .isPositive();
        return now.plusSeconds((long) (random.nextDouble() * seconds));
    }

    // ---- the reference ----

    private Written first(List<Written> rules, Asked asked, SensitiveAddresses sensitive, boolean deny, Instant at) {
        for (Written rule : rules) {
            boolean who = rule.who.stream().anyMatch(w -> holds(w, asked.client, "group:", groups));
            boolean agent = rule.agents.stream().anyMatch(a -> holds(a, asked.agent, "tag:", tags));
            boolean to = rule.to.stream().anyMatch(t -> leads(t, asked, sensitive, deny));
            boolean port = rule.ports.isEmpty() || rule.ports.stream().anyMatch(p -> opens(p, asked));
            boolean time = (rule.until == null || at.isBefore(rule.until))
                    && (rule.when.isEmpty() || rule.when.stream().anyMatch(w -> open(w, at)));
            if (who && agent && to && port && time) {
                return rule;
            }
        }
        return null;
    }

    private static boolean holds(String selector, String holder, String prefix, Map<String, List<String>> members) {
        return selector.equals("*")
                || selector.equals(holder)
                || selector.startsWith(prefix)
                        && members.get(selector.substring(prefix.length())).stream()
                                .anyMatch(m -> holds(m, holder, prefix, members));
    }

    private static boolean leads(String target, Asked asked, SensitiveAddresses sensitive, boolean deny) {
        if (Character.isDigit(target.charAt(0)) || target.indexOf(':') >= 0) {
            IpPrefix prefix = IpPrefix.parse(target);
            return asked.address != null
                    && inside(asked.address, prefix)
                    && (deny || !sensitive.contains(asked.address) || sensitive.isExplicit(prefix));
        }
        if (asked.name == null) {
            return false;
        }
        String name = asked.name.toLowerCase(java.util.Locale.ROOT);
        return target.startsWith("*.") ? name.endsWith(target.substring(1)) : name.equals(target);
    }

    private static boolean inside(InetAddress address, IpPrefix prefix) {
        byte[] a = address.getAddress();
        byte[] b = prefix.network().getAddress();
        if (a.length != b.length) {
            return false;
        }
        for (int bit = 0; bit < prefix.length(); bit++) {
            if (((a[bit / 8] ^ b[bit / 8]) >> 7 - bit % 8 & 1) != 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean opens(String port, Asked asked) {
        if (port.equals("icmp")) {
            return asked.transport == Transport.ICMP;
        }
        String[] halves = port.split("/");
        String[] ends = halves[0].split("-");
        return asked.transport != Transport.ICMP
                && (halves.length == 1 || halves[1].equals(asked.transport.toString()))
                && asked.port >= Integer.parseInt(ends[0])
                && asked.port <= Integer.parseInt(ends[ends.length - 1]);
    }

    private static boolean open(Window window, Instant at) {
        LocalDateTime clock = LocalDateTime.ofInstant(at, ZoneId.of(window.zone));
        for (int back = 0; back < 2; back++) {
            LocalDateTime day = clock.toLocalDate().minusDays(back).atStartOfDay();
            LocalDateTime begin = day.plusMinutes(window.from);
            LocalDateTime end = day.plusMinutes(window.to > window.from ? window.to : window.to + 1440);
            String name = DAYS.get(day.getDayOfWeek().getValue() - 1);
            if (window.days.contains(name) && !clock.isBefore(begin) && clock.isBefore(end)) {
                return true;
            }
        }
        return false;
    }

    // ---- chance ----

    private String one(List<String> of) {
        return of.get(random.nextInt(of.size()));
    }

    private static List<String> names(String prefix, int n) {
        List<String> out = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            out.add(prefix + i);
        }
        return out;
    }

    private List<String> some(List<String> of, int most) {
        Set<String> out = new TreeSet<>();
        for (int n = 1 + random.nextInt(most); n > 0; n--) {
            out.add(one(of));
        }
        return new ArrayList<>(out);
    }

    private void write() {
        groups.clear();
        tags.clear();
        denies.clear();
        grants.clear();
        now = EPOCHS.get(random.nextInt(EPOCHS.size())).plusSeconds(random.nextInt(4 * 86_400));
        List<String> members = names("c", 5);
        for (String group : names("g", random.nextInt(4))) {
            groups.put(group, some(members, 3));
            members = new ArrayList<>(members);
            members.add("group:" + group);
        }
        for (String tag : names("t", random.nextInt(3))) {
            tags.put(tag, some(names("a", 4), 3));
        }
        for (int n = random.nextInt(4); n > 0; n--) {
            denies.add(rule(12));
        }
        for (int n = random.nextInt(9); n > 0; n--) {
            grants.add(rule(0));
        }
    }

    /** @param narrower the least prefix length of ordinary targets */
    private Written rule(int narrower) {
        Written rule = new Written();
        List<String> who = names("c", 5);
        groups.keySet().forEach(g -> who.add("group:" + g));
        who.add("*");
        rule.who = some(who, 2);
        List<String> agents = names("a", 4);
        tags.keySet().forEach(t -> agents.add("tag:" + t));
        agents.add("*");
        agents.add("*");
        rule.agents = some(agents, 2);
        for (int n = 1 + random.nextInt(4); n > 0; n--) {
            switch (random.nextInt(8)) {
                case 0 -> rule.to.add(one(List.of("x.lan", "y.lan", "x.y.lan", "x.corp")));
                case 1 -> rule.to.add(one(List.of("*.lan", "*.y.lan", "*.corp")));
                case 2 ->
                    rule.to.add(
                            one(List.of("127.0.0.0/8", "127.0.0.1", "169.254.169.254", "0.0.0.0/0", "::/0", "::1")));
                default -> {
                    IpPrefix prefix = random.prefix();
                    rule.to.add((prefix.length() < narrower ? IpPrefix.of(random.address()) : prefix).toString());
                }
            }
        }
        for (int n = random.nextInt(3); n > 0; n--) {
            int first = 1 + random.nextInt(6);
            rule.ports.add(
                    switch (random.nextInt(5)) {
                        case 0 -> "icmp";
                        case 1 -> first + "-" + (first + random.nextInt(3));
                        case 2 -> first + "-" + (first + random.nextInt(3)) + "/udp";
                        case 3 -> first + "";
                        default -> first + "/tcp";
                    });
        }
        for (int n = random.nextInt(3) == 0 ? 1 + random.nextInt(2) : 0; n > 0; n--) {
            int from = random.nextInt(24 * 6) * 10;
            int to = (1 + random.nextInt(24 * 6)) * 10;
            rule.when.add(new Window(Set.copyOf(some(DAYS, 6)), from, to == from ? from + 10 : to, one(ZONES)));
        }
        if (random.nextInt(6) == 0) {
            rule.until = now.plusSeconds(random.nextInt(200_000) - 50_000);
        }
        return rule;
    }

    private Asked ask() {
        Transport transport = Transport.values()[random.nextInt(3)];
        int port = transport == Transport.ICMP ? 0 : 1 + random.nextInt(8);
        InetAddress address = null;
        String name = null;
        if (random.nextInt(5) == 0) {
            name = one(List.of("x.lan", "Y.lan", "x.y.lan", "a.x.y.lan", "lan", "x.corp", "corp", "z.org"));
        } else if (random.nextInt(8) == 0) {
            address = IpPrefix.parse(one(List.of("127.0.0.1", "127.9.9.9", "169.254.169.254", "::1", "8.8.8.8")))
                    .network();
        } else {
            address = random.address();
        }
        return new Asked(one(names("c", 6)), one(names("a", 5)), transport, address, name, port);
    }

    private String yaml() {
        StringBuilder out = new StringBuilder();
        Map<String, Map<String, List<String>>> words = new LinkedHashMap<>();
        words.put("groups", groups);
        words.put("tags", tags);
        words.forEach((section, map) -> {
            if (!map.isEmpty()) {
                out.append(section).append(":\n");
                map.forEach((word, members) -> out.append("  ")
                        .append(word)
                        .append(": ")
                        .append(quoted(members))
                        .append('\n'));
            }
        });
        rules(out, "deny", denies);
        rules(out, "grants", grants);
        return out.toString();
    }

    private void rules(StringBuilder out, String section, List<Written> rules) {
        out.append(section).append(":").append(rules.isEmpty() ? " []\n" : "\n");
        for (Written rule : rules) {
            out.append("  - who: ").append(quoted(rule.who)).append('\n');
            out.append("    agents: ").append(quoted(rule.agents)).append('\n');
            out.append("    to: ").append(quoted(rule.to)).append('\n');
            if (!rule.ports.isEmpty()) {
                out.append("    ports: ").append(quoted(rule.ports)).append('\n');
            }
            if (!rule.when.isEmpty()) {
                out.append("    when:\n");
            }
            for (Window w : rule.when) {
                out.append(String.format(
                        "      - {days: \"%s\", from: \"%02d:%02d\", to: %02d:%02d, zone: %s}%n",
                        String.join(",", w.days), w.from / 60, w.from % 60, w.to / 60, w.to % 60, w.zone));
            }
            if (rule.until != null) {
                out.append("    until: ").append(rule.until).append('\n');
            }
        }
    }

    private static String quoted(List<String> words) {
        return words.size() == 1 ? "\"" + words.get(0) + "\"" : "[\"" + String.join("\", \"", words) + "\"]";
    }
}
