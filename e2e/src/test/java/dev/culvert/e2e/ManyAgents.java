package dev.culvert.e2e;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import tools.jackson.databind.json.JsonMapper;

/**
 * The dashboard's page, told of a network that is made up: so many agents, clients and flows as nobody has at hand. Every second a part of
 * the flows carries something, some end and others begin, as a gateway's stream says it.
 */
@NullUnmarked
final class ManyAgents implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String PAGE = "/dev/culvert/gateway/dashboard/page/";
    private static final List<String> SITES =
            List.of("office", "warehouse", "lab", "shop", "plant", "depot", "clinic", "harbour", "studio", "archive");
    private static final int[] PORTS = {443, 22, 5432, 445, 3389, 80, 8443, 53};

    private final int agents;
    private final int clients;
    private final int flows;
    private final Random random = new Random(16);
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool(r -> {
        Thread thread = new Thread(r, "many-agents");
        thread.setDaemon(true);
        return thread;
    });
    private final Map<String, Map<String, Object>> rows = new LinkedHashMap<>();
    private final List<String> flowKeys = new ArrayList<>();
    private final Instant start = Instant.now();
    private long up = 4_812_000_000L;
    private long down = 91_337_000_000L;
    private int lastFlow;

    ManyAgents(int agents, int clients, int flows) throws IOException {
        this.agents = agents;
        this.clients = clients;
        this.flows = flows;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        try (exchange) {
            if (path.equals("/session")) {
                send(
                        exchange,
                        "application/json",
                        "{\"role\":\"act\",\"csrf\":\"x\"}".getBytes(StandardCharsets.UTF_8));
            } else if (path.equals("/events")) {
                exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
                exchange.sendResponseHeaders(200, 0);
                events(exchange.getResponseBody());
            } else {
                String name = path.equals("/") ? "index.html" : path.substring(1);
                try (InputStream in = ManyAgents.class.getResourceAsStream(PAGE + name)) {
                    if (in == null) {
                        exchange.sendResponseHeaders(404, -1);
                        return;
                    }
                    String type = name.endsWith(".js")
                            ? "text/javascript"
                            : name.endsWith(".css")
                                    ? "text/css"
                                    : name.endsWith(".svg") ? "image/svg+xml" : "text/html";
                    send(exchange, type, in.readAllBytes());
                }
            }
        }
    }

    private static void send(HttpExchange exchange, String type, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
    }

    private synchronized void events(OutputStream out) throws IOException {
        rows.clear();
        flowKeys.clear();
        long at = 0;
        boolean whole = true;
        while (true) {
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("at", at);
            said.put("whole", whole);
            Map<String, Map<String, Object>> told = new LinkedHashMap<>();
            List<String> gone = new ArrayList<>();
            if (whole) {
                begin(told);
            } else {
                change(told, gone);
            }
            told.put("gateway", Map.of("this", gateway(at)));
            said.put("rows", told);
            said.put("gone", Map.of("flows", gone));
            out.write(("data: " + JSON.writeValueAsString(said) + "\n\n").getBytes(StandardCharsets.UTF_8));
            out.flush();
            whole = false;
            at += 1_000;
            try {
                TimeUnit.SECONDS.sleep(1);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private Map<String, Object> gateway(long at) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("version", "0.1.0");
        row.put("since", start.minusSeconds(273_000).toString());
        row.put("now", start.plusMillis(at).toString());
        row.put("listen", "0.0.0.0:443");
        row.put("urls", List.of("wss://vpn.example:443"));
        row.put("flows", flowKeys.size());
        row.put("flowsShown", 5_000);
        row.put("strangers", 3);
        row.put("memory", Map.of("heap", 212_000_000L, "heapMax", 1_073_000_000L));
        row.put("policy", Map.of("sha256", "5e"));
        row.put("counters", Map.of("opens", 184_201 + lastFlow, "denied", 37));
        row.put("up", up);
        row.put("down", down);
        return row;
    }

    private Map<String, Object> link(int number, String from, int flowCount) {
        Map<String, Object> link = new LinkedHashMap<>();
        link.put("link", number);
        link.put("from", from);
        link.put("since", start.minusSeconds(60 + number * 977L % 90_000).toString());
        link.put("protocol", 2);
        link.put("roundTripMillis", 3.5 + number * 37 % 900 / 10.0);
        link.put("flows", flowCount);
        link.put("received", 0L);
        link.put("sent", 0L);
        link.put("expires", start.plusSeconds(86_400L * (3 + number % 80)).toString());
        link.put("expiresSoon", number % 40 == 7);
        return link;
    }

    private String agent(int i) {
        return SITES.get(i % SITES.size()) + (i < SITES.size() ? "" : "-" + i / SITES.size());
    }

    private void begin(Map<String, Map<String, Object>> told) {
        Map<String, Object> all = new LinkedHashMap<>();
        for (int i = 0; i < agents; i++) {
            Map<String, Object> instance = new LinkedHashMap<>();
            instance.put("instance", String.format("%08x", i * 2_654_435_761L & 0xffff_ffffL));
            instance.put("state", i % 60 == 4 ? "drained" : "up");
            instance.put("routes", 1 + i % 3);
            instance.put("link", link(i, "198.51.100." + i % 250 + ":" + (40_000 + i), flows / agents));
            List<String> routes = new ArrayList<>();
            for (int r = 0; r < 1 + i % 3; r++) {
                routes.add("10." + i % 250 + "." + (16 * r) + ".0/24");
            }
            all.put("" + i, new LinkedHashMap<>(Map.of("name", agent(i), "instance", instance, "routes", routes)));
        }
        told.put("agents", all);
        Map<String, Object> people = new LinkedHashMap<>();
        for (int i = 0; i < clients; i++) {
            people.put(
                    "" + (10_000 + i),
                    new LinkedHashMap<>(Map.of(
                            "name",
                            "laptop-" + (1 + i),
                            "link",
                            link(10_000 + i, "203.0.113." + i % 250 + ":" + (50_000 + i), flows / clients))));
        }
        told.put("clients", people);
        rows.putAll(told);
        Map<String, Object> open = new LinkedHashMap<>();
        rows.put("flows", open);
        while (open.size() < flows) {
            flow(open);
        }
        told.put("flows", open);
        told.put("denials", denials());
        told.put("publications", publications());
        told.put("audit", audit());
    }

    private Map<String, Object> denials() {
        Map<String, Object> all = new LinkedHashMap<>();
        for (int i = 0; i < 37; i++) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("time", start.minusSeconds(30 + i * 211L).toString());
            row.put("client", "laptop-" + (1 + i * 7 % clients));
            row.put("protocol", "tcp");
            row.put("host", "10.4." + i + ".9");
            row.put("port", PORTS[i % PORTS.length]);
            row.put("agent", agent(i % agents));
            if (i % 3 == 0) {
                row.put("rule", "policy.yaml:" + (12 + i));
            }
            all.put("" + i, row);
        }
        return all;
    }

    private static Map<String, Object> publications() {
        return new LinkedHashMap<>(Map.of(
                "1",
                        Map.of(
                                "at",
                                "wiki.example.com",
                                "agent",
                                "office",
                                "by",
                                "policy",
                                "state",
                                "served",
                                "target",
                                "http://10.0.0.20:8080",
                                "instances",
                                List.of(Map.of("instance", "00ff", "state", "up")),
                                "certificate",
                                Map.of("name", "wiki.example.com", "state", "valid", "daysLeft", 61)),
                "2",
                        Map.of(
                                "at",
                                "tcp:2222",
                                "agent",
                                "lab",
                                "by",
                                "agent",
                                "state",
                                "refused",
                                "why",
                                "the policy does not let agent 'lab' publish it",
                                "target",
                                "10.2.0.7:22",
                                "instances",
                                List.of())));
    }

    private Map<String, Object> audit() {
        Map<String, Object> all = new LinkedHashMap<>();
        for (int i = 0; i < 60; i++) {
            all.put(
                    "" + i,
                    Map.of(
                            "time",
                            start.minusSeconds(20 + 97L * i).toString(),
                            "event",
                            i % 5 == 0 ? "link-down" : "link-up",
                            "text",
                            "kind=client name=laptop-" + (1 + i % clients) + " from=203.0.113." + i + ":50100"));
        }
        return all;
    }

    private void flow(Map<String, Object> to) {
        int n = lastFlow++;
        int client = n % clients;
        int agent = n * 31 % agents;
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("link", 10_000 + client);
        row.put("client", "laptop-" + (1 + client));
        row.put("source", "192.0.2." + client % 250 + ":" + (1_024 + n % 60_000));
        row.put("protocol", n % 11 == 0 ? "udp" : "tcp");
        row.put("host", n % 4 == 0 ? "db-" + n % 40 + ".lan" : "10." + agent % 250 + ".0." + (10 + n % 200));
        row.put("port", PORTS[n % PORTS.length]);
        row.put("agent", agent(agent));
        row.put("agentLink", agent);
        row.put("rule", "policy.yaml:" + (8 + n % 40));
        row.put("open", true);
        row.put("up", n * 377L % 90_000);
        row.put("down", n * 7_919L % 900_000);
        row.put("since", start.minusSeconds(n * 13L % 7_200).toString());
        String key = client + "." + n;
        to.put(key, row);
        flowKeys.add(key);
    }

    @SuppressWarnings("unchecked")
    private void change(Map<String, Map<String, Object>> told, List<String> gone) {
        Map<String, Object> changed = new LinkedHashMap<>();
        Map<String, Object> open = rows.get("flows");
        for (int i = 0; i < flows / 100; i++) {
            String key = flowKeys.remove(random.nextInt(flowKeys.size()));
            open.remove(key);
            gone.add(key);
            Map<String, Object> fresh = new LinkedHashMap<>();
            flow(fresh);
            changed.putAll(fresh);
            open.putAll(fresh);
        }
        Map<String, Object> links = new LinkedHashMap<>();
        Map<String, Object> people = new LinkedHashMap<>();
        for (int i = 0; i < flows / 5; i++) {
            String key = flowKeys.get(random.nextInt(flowKeys.size()));
            Map<String, Object> row = (Map<String, Object>) open.get(key);
            long some = (long) Math.exp(random.nextDouble() * 13);
            row.merge("up", some / 8, (a, b) -> (Long) a + (Long) b);
            row.merge("down", some, (a, b) -> (Long) a + (Long) b);
            up += some / 8;
            down += some;
            changed.put(key, row);
            String agent = row.get("agentLink").toString();
            Map<String, Object> its = (Map<String, Object>) rows.get("agents").get(agent);
            Map<String, Object> link = (Map<String, Object>) ((Map<String, Object>) its.get("instance")).get("link");
            link.merge("sent", some / 8, (a, b) -> (Long) a + (Long) b);
            link.merge("received", some, (a, b) -> (Long) a + (Long) b);
            links.put(agent, its);
            String client = row.get("link").toString();
            Map<String, Object> who = (Map<String, Object>) rows.get("clients").get(client);
            link = (Map<String, Object>) who.get("link");
            link.merge("received", some / 8, (a, b) -> (Long) a + (Long) b);
            link.merge("sent", some, (a, b) -> (Long) a + (Long) b);
            people.put(client, who);
        }
        told.put("flows", changed);
        told.put("agents", links);
        told.put("clients", people);
    }

    @Override
    public void close() {
        threads.shutdownNow();
        server.stop(0);
    }

    /** For whoever wants to look: the page with a network of the sizes that are given, as pictures of it in a directory. */
    public static void main(String[] args) throws Exception {
        java.nio.file.Path out = java.nio.file.Path.of(args[0]);
        try (ManyAgents many = new ManyAgents(
                        Integer.parseInt(args[1]), Integer.parseInt(args[2]), Integer.parseInt(args[3]));
                Chromium browser = new Chromium(out.resolve("profile"))) {
            for (boolean dark : List.of(false, true)) {
                browser.dark(dark);
                browser.size(1_280, 900, false);
                browser.open(many.url());
                browser.until("document.querySelector('#live')?.dataset.tone === 'good'");
                TimeUnit.SECONDS.sleep(4);
                browser.screenshot(out.resolve(dark ? "dark.png" : "light.png"), true);
            }
            browser.size(360, 780, true);
            browser.open(many.url());
            browser.until("document.querySelector('#live')?.dataset.tone === 'good'");
            TimeUnit.SECONDS.sleep(4);
            browser.screenshot(out.resolve("small.png"), true);
            System.out.println("overflow " + browser.value("document.documentElement.scrollWidth"));
            System.out.println(browser.errors);
        }
    }
}
