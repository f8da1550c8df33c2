package dev.culvert.gateway.certificate.acme;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What was asked of each authority, so that its limits are kept also through restarts and by several gateways, and which names
 * there are records of. Written before it counts: who is killed in between has asked less than is written here.
 */
final class Ledger {
    /** Let's Encrypt: 300 orders of an account in three hours. The rest is for whoever else uses the account's address. */
    static final int MAX_ORDERS = 250;

    static final Duration ORDERS_WITHIN = Duration.ofHours(3);

    /** Let's Encrypt: 50 certificates for new names of a registered domain in a week; some are for others of that domain. */
    static final int MAX_OF_DOMAIN = 40;

    static final Duration DOMAIN_WITHIN = Duration.ofDays(7);

    /** More registered domains than a gateway has; each week's are forgotten. */
    private static final int MAX_DOMAINS = 1_000;

    /** What is this short before a country's two letters (co.uk, com.au) is taken for part of the public suffix. */
    private static final int SHORT_LABEL = 3;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Set<String> names = new LinkedHashSet<>();
    private final Map<String, Account> accounts = new LinkedHashMap<>();

    /** Of an authority that was never asked; not written to. */
    private static final Account NONE = new Account();

    private static final class Account {
        private final List<Instant> orders = new ArrayList<>();
        private final Map<String, List<Instant>> domains = new LinkedHashMap<>();
        private int failed;
        private Instant restsUntil = Instant.EPOCH;
        private String complaint = "";
    }

    /** @throws RuntimeException if it is something else */
    static Ledger parse(@Nullable String text) {
        Ledger ledger = new Ledger();
        if (text == null) {
            return ledger;
        }
        JsonNode in = JSON.readTree(text);
        in.required("names").forEach(n -> ledger.names.add(n.stringValue()));
        in.required("authorities").forEachEntry((directory, node) -> {
            Account account = ledger.account(directory);
            account.orders.addAll(Times.list((ArrayNode) node.required("orders")));
            node.required("domains")
                    .forEachEntry((domain, times) ->
                            account.domains.put(domain, new ArrayList<>(Times.list((ArrayNode) times))));
            account.failed = node.required("failed").intValue();
            account.restsUntil = Times.of(node.required("restsUntil"));
            account.complaint = node.required("complaint").stringValue();
        });
        return ledger;
    }

    String text() {
        ObjectNode out = JSON.createObjectNode();
        ArrayNode all = out.putArray("names");
        names.forEach(all::add);
        ObjectNode authorities = out.putObject("authorities");
        accounts.forEach((directory, account) -> {
            ObjectNode node = authorities.putObject(directory);
            Times.write(account.orders, node.putArray("orders"));
            ObjectNode domains = node.putObject("domains");
            account.domains.forEach((domain, times) -> Times.write(times, domains.putArray(domain)));
            node.put("failed", account.failed)
                    .put("restsUntil", account.restsUntil.getEpochSecond())
                    .put("complaint", account.complaint);
        });
        return JSON.writeValueAsString(out) + "\n";
    }

    private Account account(String directory) {
        return accounts.computeIfAbsent(directory, d -> new Account());
    }

    /** Reads alone: a ledger that nobody changes any more may be asked from any thread. */
    private Account known(String directory) {
        return accounts.getOrDefault(directory, NONE);
    }

    Set<String> names() {
        return names;
    }

    /** From when on an authority may be asked anything: now or before, if it may. */
    Instant restsUntil(String directory) {
        return known(directory).restsUntil;
    }

    /** Why it rests. */
    String complaint(String directory) {
        return known(directory).complaint;
    }

    /** Times in a row that it gave no answer. */
    int failed(String directory) {
        return known(directory).failed;
    }

    /**
     * From when on a certificate may be ordered: now or before, if it may.
     *
     * @param renewal whether there is a certificate for the name already: such do not count against its domain
     */
    Instant mayOrderAt(String directory, String name, boolean renewal) {
        Account account = known(directory);
        Instant orders = Times.freeAt(account.orders, MAX_ORDERS, ORDERS_WITHIN);
        List<Instant> ofDomain = account.domains.getOrDefault(registeredDomain(name), List.of());
        Instant domain = renewal ? Instant.EPOCH : Times.freeAt(ofDomain, MAX_OF_DOMAIN, DOMAIN_WITHIN);
        return orders.isAfter(domain) ? orders : domain;
    }

    /** An order is about to be made. */
    void ordered(String directory, String name, boolean renewal, Instant now) {
        Account account = account(directory);
        forget(account.orders, now.minus(ORDERS_WITHIN));
        account.orders.add(now);
        if (!renewal) {
            account.domains.values().removeIf(times -> {
                forget(times, now.minus(DOMAIN_WITHIN));
                return times.isEmpty();
            });
            if (account.domains.size() < MAX_DOMAINS) {
                account.domains
                        .computeIfAbsent(registeredDomain(name), d -> new ArrayList<>())
                        .add(now);
            }
        }
    }

    private static void forget(List<Instant> times, Instant before) {
        times.removeIf(t -> t.isBefore(before));
    }

    /** It answered. */
    void reached(String directory) {
        Account account = account(directory);
        account.failed = 0;
        account.restsUntil = Instant.EPOCH;
        account.complaint = "";
    }

    /** It did not, or wants to be left alone. */
    void rests(String directory, Instant until, String why) {
        Account account = account(directory);
        account.failed++;
        account.restsUntil = until;
        account.complaint = why;
    }

    /**
     * The domain that somebody has registered, roughly: the last two labels, or three where the second looks like part of a
     * public suffix. The list of those is long and changes; who is taken for one domain and is two waits longer, at worst.
     */
    static String registeredDomain(String name) {
        String[] labels = name.split("\\.");
        int count = labels.length;
        if (count <= 2) {
            return name;
        }
        int from = labels[count - 1].length() == 2 && labels[count - 2].length() <= SHORT_LABEL ? count - 3 : count - 2;
        return String.join(".", List.of(labels).subList(from, count));
    }
}
