package dev.culvert.e2e;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Debian's Chromium without a window, told what to do by its DevTools protocol. One page; from one thread. */
@NullUnmarked
final class Chromium implements AutoCloseable {
    static final Path PROGRAM = Path.of("/usr/bin/chromium");

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Process process;
    private final Path directory;
    private final WebSocket socket;
    private final AtomicInteger numbers = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonNode>> answers = new ConcurrentHashMap<>();

    /** What the page's console says that is wrong, and what its scripts throw. */
    final ConcurrentLinkedQueue<String> errors = new ConcurrentLinkedQueue<>();

    /** @param directory for its profile; of the test's own */
    Chromium(Path directory) throws Exception {
        this.directory = Files.createDirectories(directory);
        process = new ProcessBuilder(List.of(
                        PROGRAM.toString(),
                        "--headless=new",
                        "--no-sandbox", // as root
                        "--disable-gpu",
                        "--disable-quic",
                        "--disable-dev-shm-usage",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--no-first-run",
                        "--no-proxy-server",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + directory,
                        "about:blank"))
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("output").toFile())
                .start();
        Path ports = directory.resolve("DevToolsActivePort");
        await("Chromium", () -> Files.exists(ports) && read(ports).size() == 2);
        HttpClient http = HttpClient.newHttpClient();
        String port = read(ports).get(0);
        JsonNode pages = JSON.readTree(http.send(
                        java.net.http.HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list"))
                                .build(),
                        java.net.http.HttpResponse.BodyHandlers.ofString())
                .body());
        String page = null;
        for (JsonNode one : pages) {
            if (one.path("type").asString("").equals("page")) {
                page = one.path("webSocketDebuggerUrl").asString("");
            }
        }
        socket = http.newWebSocketBuilder()
                .buildAsync(URI.create(page), new Listener())
                .get();
        tell("Page.enable", Map.of());
        tell("Runtime.enable", Map.of());
        tell("Log.enable", Map.of());
    }

    private static List<String> read(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            return List.of();
        }
    }

    private final class Listener implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                JsonNode said = JSON.readTree(text.toString());
                text.setLength(0);
                CompletableFuture<JsonNode> answer =
                        answers.remove(said.path("id").asInt(-1));
                if (answer != null) {
                    answer.complete(said);
                }
                String method = said.path("method").asString("");
                JsonNode params = said.path("params");
                if (method.equals("Runtime.exceptionThrown")) {
                    errors.add(params.path("exceptionDetails").toString());
                } else if (method.equals("Log.entryAdded")
                        && params.path("entry").path("level").asString("").equals("error")) {
                    errors.add(params.path("entry").path("text").asString("") + " "
                            + params.path("entry").path("url").asString(""));
                }
            }
            webSocket.request(1);
            return null;
        }
    }

    /** Has a command of the protocol done. */
    JsonNode tell(String method, Map<String, ?> params) throws Exception {
        int id = numbers.incrementAndGet();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        answers.put(id, answer);
        socket.sendText(JSON.writeValueAsString(Map.of("id", id, "method", method, "params", params)), true)
                .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        JsonNode said = answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        if (said.has("error")) {
            throw new IOException(method + ": " + said.path("error"));
        }
        return said.path("result");
    }

    void open(String url) throws Exception {
        tell("Page.navigate", Map.of("url", url));
    }

    /** @param mobile whether it is narrow, as of a telephone */
    void size(int width, int height, boolean mobile) throws Exception {
        tell(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", mobile));
    }

    void dark(boolean dark) throws Exception {
        tell(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
    }

    /** What an expression of JavaScript is, in the page; a promise's result. */
    JsonNode value(String expression) throws Exception {
        JsonNode result =
                tell("Runtime.evaluate", Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
        if (result.has("exceptionDetails")) {
            throw new IOException(expression + ": " + result.path("exceptionDetails"));
        }
        return result.path("result").path("value");
    }

    /** Waits until an expression is true in the page. */
    void until(String expression) {
        await(expression, () -> {
            try {
                return value("Boolean(" + expression + ")").asBoolean();
            } catch (Exception e) {
                return false; // between two pages
            }
        });
    }

    /** A key, as a keyboard sends it. */
    void press(String key, int code) throws Exception {
        for (String type : List.of("keyDown", "keyUp")) {
            tell(
                    "Input.dispatchKeyEvent",
                    Map.of("type", type, "key", key, "code", key, "windowsVirtualKeyCode", code));
        }
    }

    /** The whole page as a picture. */
    void screenshot(Path file, boolean whole) throws Exception {
        Files.write(
                file,
                Base64.getDecoder()
                        .decode(tell("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", whole))
                                .path("data")
                                .asString("")));
    }

    private void await(String what, BooleanSupplier done) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!done.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not within " + PATIENCE.toSeconds() + " s: " + what + "; errors: " + errors
                        + " " + read(directory.resolve("output")));
            }
            try {
                TimeUnit.MILLISECONDS.sleep(50);
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted", e);
            }
        }
    }

    /** Ends it and the processes that it has started. */
    @Override
    public void close() {
        List<ProcessHandle> all = process.descendants().toList();
        try {
            socket.sendText(JSON.writeValueAsString(Map.of("id", 0, "method", "Browser.close")), true)
                    .get(5, TimeUnit.SECONDS);
        } catch (Exception e) {
            process.destroy();
        }
        try {
            process.onExit().get(10, TimeUnit.SECONDS);
        } catch (Exception e) {
            process.destroyForcibly();
        }
        all.forEach(ProcessHandle::destroyForcibly);
    }
}
