package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The dashboard in Debian's Chromium: of a gateway that runs, and of a network that is larger than any that is at hand. */
@NullUnmarked
@Tag("netns") // where what it needs is installed
final class DashboardIT {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String LIVE = "document.querySelector('#live')?.dataset.tone === 'good'";

    /** What can be worked with a keyboard or is read out, and has no name. */
    private static final String NAMELESS = """
            [...document.querySelectorAll('button, a, input, [tabindex="0"], [role=table]')]
              .filter((e) => e.checkVisibility() && !(e.getAttribute('aria-label') || e.textContent.trim()
                || document.getElementById(e.getAttribute('aria-labelledby') ?? '')?.textContent))
              .map((e) => e.outerHTML.slice(0, 120))""";

    /** The least contrast of visible texts with what is behind them (WCAG 2.2, 1.4.3). */
    private static final String CONTRAST = """
            (() => {
              const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
              const light = (c) => {
                const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
              };
              const behind = (e) => {
                for (let at = e; at; at = at.parentElement) {
                  const c = rgb(getComputedStyle(at).backgroundColor);
                  if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
                }
                return [255, 255, 255];
              };
              let least = 21;
              for (const e of document.querySelectorAll('body *')) {
                const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
                if (!own || !e.checkVisibility() || e.closest('svg, noscript, .skip, .unseen')) continue;
                const a = light(rgb(getComputedStyle(e).color).slice(0, 3));
                const b = light(behind(e));
                least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
              }
              return least;
            })()""";

    @TempDir
    Path dir;

    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    @AfterEach
    void close() throws Exception {
        while (!open.isEmpty()) {
            open.removeLast().close();
        }
    }

    private Chromium browser() throws Exception {
        Chromium browser = new Chromium(dir.resolve("browser"));
        open.add(browser);
        browser.size(1_280, 900, false);
        return browser;
    }

    private Program start(String... command) throws IOException {
        List<String> line = new ArrayList<>(List.of(command));
        line.set(0, Lab.scripts().resolve(command[0]).toString());
        Path log = dir.resolve(command[0] + open.size() + ".log");
        Program program = new Program(
                command[0],
                new ProcessBuilder(line)
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start(),
                log);
        open.add(program);
        return program;
    }

    private String run(String... command) throws Exception {
        Program program = start(command);
        int exit = program.exitWithin(Lab.COMMAND);
        assertThat(exit).as(program.output()).isZero();
        return program.output();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @Test
    void whoOpensTheLinkSeesTheNetworkLive() throws Exception {
        Chromium browser = browser();
        String state = dir.resolve("state").toString();
        int port = freePort();
        start(
                        "gateway",
                        "--listen",
                        "127.0.0.1:" + port,
                        "--url",
                        "wss://127.0.0.1:" + port,
                        "--state",
                        state,
                        "--dashboard",
                        "0")
                .awaitOutput("the dashboard is at http://127.0.0.1:", Lab.START);
        run("token", "agent", "--state", state, "--name", "office", "--routes", "127.0.0.0/8", "--out", dir + "/agent");
        run(
                "token",
                "client",
                "--state",
                state,
                "--name",
                "laptop",
                "--allow",
                "office:127.0.0.0/8:1-65535",
                "--out",
                dir + "/client");

        String link = run("gateway", "dashboard", "--state", state).strip();
        assertThat(link).matches("http://127\\.0\\.0\\.1:\\d+/#[\\w-]{22}");
        browser.open(link);
        browser.until(LIVE);
        assertThat(browser.value("location.href").asString())
                .as("the key is used, and gone")
                .doesNotContain("#");
        assertThat(browser.value("document.cookie").asString())
                .as("no script has the cookie")
                .isEmpty();
        assertThat(browser.value("document.querySelector('#agents .none').textContent")
                        .asString())
                .isEqualTo("No agent is connected.");

        start("agent", "--token-file", dir + "/agent");
        browser.until("document.querySelector('#agents .rows')?.textContent.includes('office')");
        try (ServerSocket lan = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int local = freePort();
            start(
                            "client",
                            "forward",
                            "--token-file",
                            dir + "/client",
                            local + "=office:127.0.0.1:" + lan.getLocalPort())
                    .awaitOutput("" + local, Lab.START);
            browser.until("document.querySelector('#clients .rows')?.textContent.includes('laptop')");
            try (Socket near = new Socket(InetAddress.getLoopbackAddress(), local);
                    Socket far = lan.accept()) {
                near.getOutputStream().write("hello".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
                assertThat(far.getInputStream().readNBytes(5)).hasSize(5);
                browser.until("document.querySelector('#flows .rows')?.textContent.includes('127.0.0.1:"
                        + lan.getLocalPort() + "')");
                browser.until(
                        "[...document.querySelectorAll('#flows .rows .row:not([hidden]) .number')].some((c) => c.textContent"
                                + " === '5 B')");
                JsonNode status = JSON.readTree(run("gateway", "status", "--state", state, "--json"));
                assertThat(browser.value("document.querySelectorAll('#totals dd:not(.below)')[2].textContent")
                                .asString())
                        .as("as status says")
                        .isEqualTo("" + status.path("flows").asLong());
            }
            browser.until("document.querySelector('#flows .none').checkVisibility()");
        }
        browser.until("document.querySelector('#audit .rows')?.textContent.includes('link-up')");
        assertThat(browser.errors).isEmpty();

        Chromium other = new Chromium(dir.resolve("other"));
        open.add(other);
        other.open(link);
        other.until("document.querySelector('#why')?.textContent.includes('used before')");
        assertThat(other.value("document.querySelector('#view').checkVisibility()")
                        .asBoolean())
                .isFalse();

        browser.value("document.querySelector('#leave').click()");
        browser.until("document.querySelector('#door').checkVisibility()");
        assertThat(browser.value("fetch('/events').then((r) => r.status)").asInt())
                .isEqualTo(401);
    }

    @Test
    void everybodyCanReadAndWorkIt() throws Exception {
        Chromium browser = browser();
        try (ManyAgents many = new ManyAgents(6, 9, 240)) {
            for (boolean dark : List.of(false, true)) {
                browser.dark(dark);
                browser.open(many.url());
                browser.until(LIVE);
                browser.until("document.querySelector('#flows .rows .row')");
                assertThat(browser.value(NAMELESS))
                        .as("controls without a name")
                        .isEmpty();
                assertThat(browser.value(CONTRAST).asDouble())
                        .as("contrast, %s", dark ? "dark" : "light")
                        .isGreaterThanOrEqualTo(4.5);
            }
            browser.value("document.querySelector('#flows input').focus()");
            browser.press("Tab", 9); // the rows, then the head of the first column
            browser.press("Tab", 9);
            assertThat(browser.value("document.activeElement.textContent").asString())
                    .isEqualTo("Client");
            browser.value("document.activeElement.click()");
            assertThat(browser.value("document.querySelector('#flows [aria-sort=ascending]').textContent")
                            .asString())
                    .isEqualTo("Client");
            browser.size(360, 780, true);
            browser.until("document.documentElement.clientWidth === 360");
            assertThat(browser.value("document.documentElement.scrollWidth").asInt())
                    .as("nothing is beside a small screen")
                    .isEqualTo(360);
            assertThat(browser.errors).isEmpty();
        }
    }

    /** How long its longest task was is printed, and not asserted: it is of the machine, too. */
    @Test
    void fiveHundredAgentsAndFiveThousandFlowsAreFewElements() throws Exception {
        Chromium browser = browser();
        try (ManyAgents many = new ManyAgents(500, 300, 5_000)) {
            browser.open(many.url());
            browser.until(LIVE);
            browser.until("document.querySelector('#flows .tally').textContent === '5,000'");
            browser.value("window.longest = []; new PerformanceObserver((list) => list.getEntries()"
                    + ".forEach((e) => longest.push(Math.round(e.duration)))).observe({ type: 'longtask' })");
            TimeUnit.SECONDS.sleep(Duration.ofSeconds(8).toSeconds());
            System.out.println("dashboard of 500 agents and 5,000 flows: tasks longer than 50 ms, in ms, of 8 s: "
                    + browser.value("longest"));
            assertThat(browser.value("document.querySelectorAll('*').length").asInt())
                    .isLessThan(3_000);
            assertThat(browser.value("document.querySelectorAll('.picture .box').length")
                            .asInt())
                    .isLessThanOrEqualTo(20);
            browser.value(
                    "(() => { const s = document.querySelector('#flows .scroll'); s.scrollTop = s.scrollHeight; })()");
            browser.until("[...document.querySelectorAll('#flows .rows .row')].some((r) => r.ariaRowIndex === '5001' ||"
                    + " r.getAttribute('aria-rowindex') === '5001')");
            assertThat(browser.errors).isEmpty();
        }
    }
}
