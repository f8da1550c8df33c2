package dev.culvert.command.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@NullUnmarked
@Timeout(120)
final class ControlSocketTest {
    private record Told(String who, Instant at, String nothing) {}

    @TempDir
    Path dir;

    /** Stands still but when a test moves it. */
    private final AtomicLong nanos = new AtomicLong();

    private final CountDownLatch slow = new CountDownLatch(1);
    private final CountDownLatch slowAsked = new CountDownLatch(1);
    private final Questions questions = new Questions("gateway", "1.2.3");
    private final List<String> log = new ArrayList<>();
    private Path path;
    private ControlSocket socket;

    @BeforeEach
    void open() throws Exception {
        questions.add("echo", "what was said", with -> with);
        questions.add("told", "a record", with -> new Told("me", Instant.parse("2026-11-30T01:02:03Z"), null));
        questions.add(
                "long",
                "so many letters",
                with -> "x".repeat(with.path("length").asInt()));
        questions.add("fails", "never", with -> {
            throw new IOException("no\u001b[31m luck");
        });
        questions.add("breaks", "never", with -> List.of().get(0));
        questions.add("slow", "when it may", with -> {
            slowAsked.countDown();
            try {
                slow.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return "at last";
        });
        path = dir.resolve("gateway.sock");
        socket = ControlSocket.open(path, null, questions, log::add, nanos::get);
    }

    @AfterEach
    void close() throws Exception {
        slow.countDown();
        socket.close();
        assertThat(log).isEmpty();
        assertThat(path).doesNotExist();
    }

    private JsonNode ask(String question, Map<String, ?> with) throws IOException {
        return new ControlClient("gateway", List.of(path)).ask(question, with);
    }

    private SocketChannel connect() throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(path));
        return channel;
    }

    private static void say(SocketChannel channel, String text) throws IOException {
        ByteBuffer out = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (out.hasRemaining()) {
            channel.write(out);
        }
    }

    /** All that comes until the other side closes. */
    private static String hear(SocketChannel channel) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        ByteBuffer in = ByteBuffer.allocate(64 << 10);
        try {
            while (channel.read(in.clear()) >= 0) {
                all.write(in.array(), 0, in.position());
            }
        } catch (IOException e) {
            // reset: it had not read all that we said
        }
        return all.toString(StandardCharsets.UTF_8);
    }

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
        socket.run(() -> {});
    }

    @Test
    void answersInOneLineThatSaysWhoAnswers() throws Exception {
        try (SocketChannel channel = connect()) {
            say(channel, "{\"culvert\": 9, \"ask\": \"told\", \"later\": true}\r\n");
            assertThat(hear(channel))
                    .isEqualTo("{\"culvert\":1,\"program\":\"gateway\",\"version\":\"1.2.3\",\"answer\":"
                            + "{\"who\":\"me\",\"at\":\"2026-11-30T01:02:03Z\"}}\n");
        }
        assertThat(ask("echo", Map.of("name", "a\nb")).path("name").stringValue())
                .isEqualTo("a\nb");
        assertThat(ask("questions", Map.of()).path("echo").stringValue()).isEqualTo("what was said");
    }

    @Test
    void aLineMayComeInPiecesOrWithoutItsEnd() throws Exception {
        try (SocketChannel channel = connect()) {
            for (String piece : List.of("{\"as", "k\":", "\"ec", "ho\"}")) {
                say(channel, piece);
            }
            channel.shutdownOutput();
            assertThat(hear(channel)).endsWith("\"answer\":{}}\n");
        }
    }

    @Test
    void rubbishIsAnsweredInOneLine() throws Exception {
        for (String rubbish : List.of(
                "\n",
                "nonsense\n",
                "[]\n",
                "{\"ask\": 1}\n",
                "{\"ask\"",
                "GET / HTTP/1.1\r\n\r\n",
                "[".repeat(60_000))) {
            try (SocketChannel channel = connect()) {
                say(channel, rubbish);
                channel.shutdownOutput();
                String answer = hear(channel);
                assertThat(answer.lines()).hasSize(1);
                assertThat(JsonMapper.shared().readTree(answer).path("error").stringValue())
                        .as(rubbish)
                        .startsWith("a request is a line of JSON");
            }
        }
        try (SocketChannel channel = connect()) {
            channel.shutdownOutput();
            assertThat(hear(channel)).as("who says nothing is told nothing").isEmpty();
        }
        assertThat(ask("echo", Map.of()).isEmpty()).isTrue();
    }

    @Test
    void whatCannotBeAnsweredIsSaid() {
        assertThatIOException()
                .isThrownBy(() -> ask("publish\u001b", Map.of()))
                .withMessage(
                        "the gateway says: this gateway (version 1.2.3) knows no 'publish\\u001b'; it answers breaks,"
                                + " echo, fails, long, questions, slow, told");
        assertThatIOException()
                .isThrownBy(() -> ask("fails", Map.of()))
                .withMessage("the gateway says: no\\u001b[31m luck");
        assertThatIOException()
                .isThrownBy(() -> ask("breaks", Map.of()))
                .withMessageStartingWith("the gateway says: it could not be answered: ");
        assertThatIOException()
                .isThrownBy(() -> ask("long", Map.of("length", Questions.MAX_ANSWER)))
                .withMessage("the gateway says: the answer is longer than 33554432 bytes; ask for less");
    }

    @Test
    void aRequestIsBounded() throws Exception {
        String head = "{\"ask\":\"echo\",\"with\":{\"a\":\"";
        String tail = "\"}}";
        String longest = head + "x".repeat(Questions.MAX_REQUEST - head.length() - tail.length()) + tail;
        try (SocketChannel channel = connect()) {
            say(channel, longest + "\n");
            assertThat(hear(channel)).contains("\"answer\"").hasSizeGreaterThan(Questions.MAX_REQUEST - 100);
        }
        try (SocketChannel channel = connect()) {
            say(channel, longest + " ");
            assertThat(hear(channel)).contains("\"error\":\"a request has at most 65536 bytes\"");
        }
    }

    /** Whoever holds all places open gives them back, and the next is told meanwhile why not. */
    @Test
    void whoSaysNothingIsLetGo() throws Exception {
        List<SocketChannel> silent = new ArrayList<>();
        for (int i = 0; i < ControlSocket.MAX_CONNECTIONS; i++) {
            silent.add(connect());
            say(silent.get(i), "{\"ask\"");
        }
        assertThatIOException()
                .isThrownBy(() -> ask("echo", Map.of()))
                .withMessage("the gateway says: too many ask at once; try again");
        pass(ControlSocket.REQUEST_TIME);
        for (SocketChannel channel : silent) {
            assertThat(hear(channel)).isEmpty();
            channel.close();
        }
        assertThat(ask("echo", Map.of()).isObject()).isTrue();
    }

    @Test
    void whoDoesNotTakeTheAnswerIsLetGo() throws Exception {
        int length = 8 << 20;
        try (SocketChannel channel = connect()) {
            say(channel, "{\"ask\":\"long\",\"with\":{\"length\":" + length + "}}\n");
            ByteBuffer first = ByteBuffer.allocate(1);
            assertThat(channel.read(first)).isOne(); // it is being written
            assertThat(ask("echo", Map.of()).isObject())
                    .as("others are answered")
                    .isTrue();
            pass(ControlSocket.TAKING_TIME);
            assertThat(hear(channel).length()).isLessThan(length);
        }
    }

    /** However many there are: the memory that waits for them is bounded. */
    @Test
    void answersThatWaitAreBounded() throws Exception {
        int length = 24 << 20;
        String asked = "{\"ask\":\"long\",\"with\":{\"length\":" + length + "}}\n";
        List<SocketChannel> channels = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            SocketChannel channel = connect();
            channels.add(channel);
            say(channel, asked);
            assertThat(channel.read(ByteBuffer.allocate(1))).isOne();
        }
        try (SocketChannel third = connect()) {
            say(third, asked);
            assertThat(hear(third)).contains("too many answers wait to be taken; try again");
        }
        for (SocketChannel channel : channels) {
            assertThat(hear(channel)).endsWith("x\"}\n");
            channel.close();
        }
        try (SocketChannel again = connect()) {
            say(again, asked);
            assertThat(hear(again)).as("there is room again").endsWith("x\"}\n");
        }
    }

    @Test
    void nobodyWaitsForAnAnswerForEver() throws Exception {
        try (SocketChannel channel = connect()) {
            say(channel, "{\"ask\":\"slow\"}\n");
            slowAsked.await();
            assertThat(ask("echo", Map.of()).isObject())
                    .as("one that is slow stops no other")
                    .isTrue();
            pass(ControlSocket.ANSWER_TIME);
            assertThat(hear(channel)).contains("\"error\":\"no answer was found within 30 s; try again\"");
        }
        slow.countDown();
        assertThat(ask("slow", Map.of()).stringValue()).isEqualTo("at last");
    }

    @Test
    void manyAskAtOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(ControlSocket.MAX_CONNECTIONS - 2);
        try {
            List<Future<String>> answers = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                String name = "n" + i;
                answers.add(threads.submit(
                        () -> ask("echo", Map.of("name", name)).path("name").stringValue()));
            }
            for (int i = 0; i < answers.size(); i++) {
                assertThat(answers.get(i).get(60, TimeUnit.SECONDS)).isEqualTo("n" + i);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    // ---- its place ----

    private String refused(Path where, String group) {
        return assertThatIOException()
                .isThrownBy(() -> ControlSocket.open(where, group, questions, log::add))
                .actual()
                .getMessage();
    }

    @Test
    void onlyItsOwnerMayAsk() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                .isEqualTo("rw-------");
        String owner = Files.getOwner(path).getName();
        assertThat(ControlClient.denied("gateway", path, null))
                .hasMessage("no permission to ask the gateway at " + path + ": run it as root"
                        + (owner.equals("root") ? "" : " or as '" + owner + "'"));
    }

    @Test
    void orAGroup() throws Exception {
        String group =
                Files.readAttributes(dir, PosixFileAttributes.class).group().getName();
        Path shared = dir.resolve("shared.sock");
        try (ControlSocket second = ControlSocket.open(shared, group, questions, log::add)) {
            PosixFileAttributes there = Files.readAttributes(shared, PosixFileAttributes.class);
            assertThat(PosixFilePermissions.toString(there.permissions())).isEqualTo("rw-rw----");
            assertThat(there.group().getName()).isEqualTo(group);
            assertThat(ControlClient.denied("gateway", shared, null))
                    .hasMessage("no permission to ask the gateway at " + shared + ": run it as root or join group '"
                            + group + "'");
            second.run(() -> {});
        }
        assertThat(refused(shared, "no-such-group"))
                .isEqualTo("control socket " + shared
                        + ": --control-group: there is no group of that name; make it with groupadd");
        try (var left = Files.list(dir)) {
            assertThat(left.map(p -> p.getFileName().toString()))
                    .containsExactlyInAnyOrder("gateway.sock", ".gateway.sock.lock", ".shared.sock.lock");
        }
    }

    @Test
    void oneProgramHasIt() throws Exception {
        assertThat(refused(path, null))
                .isEqualTo("control socket " + path
                        + ": another program has it; stop that one, or name another place with --control-socket");
        assertThat(ask("echo", Map.of()).isObject()).isTrue();
    }

    @Test
    void whatAKilledOneLeftIsReplaced() throws Exception {
        Path left = dir.resolve("left.sock");
        Files.createDirectory(dir.resolve(".left.sock.new"));
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(dir.resolve(".left.sock.new/s")))
                .close();
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(left))
                .close();
        assertThatIOException()
                .isThrownBy(() -> new ControlClient("gateway", List.of(left)).ask("echo", Map.of()))
                .isInstanceOf(ControlClient.NotRunningException.class)
                .withMessage("the gateway is not running: nobody answers at " + left
                        + ", which one that was killed has left; if it runs, name its socket with --control-socket");
        assertThat(new ControlClient("gateway", List.of(left, path))
                        .ask("echo", Map.of())
                        .isObject())
                .as("one may run elsewhere")
                .isTrue();
        try (ControlSocket second = ControlSocket.open(left, null, questions, log::add)) {
            assertThat(new ControlClient("gateway", List.of(left))
                            .ask("echo", Map.of())
                            .isObject())
                    .isTrue();
            second.run(() -> {});
        }
        assertThat(left).doesNotExist();
        assertThat(dir.resolve(".left.sock.new")).doesNotExist();
    }

    @Test
    void whatIsNotOursStays() throws Exception {
        Path file = Files.writeString(dir.resolve("file"), "precious");
        assertThat(refused(file, null)).contains("there is something else at that place; move it away");
        assertThat(file).hasContent("precious");
        Path link = Files.createSymbolicLink(dir.resolve("link"), path);
        assertThat(refused(link, null)).contains("there is something else at that place; move it away");
        Path foreign = dir.resolve("foreign.sock");
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(foreign));
            assertThat(refused(foreign, null)).contains("another program answers there; stop that one");
            assertThat(foreign).exists();
        }
        Path mine = dir.resolve("mine.sock");
        ControlSocket second = ControlSocket.open(mine, null, questions, log::add);
        Files.delete(mine);
        Files.writeString(mine, "another's by now");
        second.close();
        assertThat(mine).hasContent("another's by now");
    }

    @Test
    void placesThatCannotBe() {
        assertThat(refused(dir.resolve("none/x.sock"), null))
                .isEqualTo("control socket " + dir.resolve("none/x.sock") + ": there is no directory "
                        + dir.resolve("none") + "; make it, or name another place with --control-socket");
        Path deep = dir.resolve("x".repeat(100));
        assertThat(refused(deep, null))
                .startsWith("control socket " + deep + ": its path has ")
                .endsWith(" bytes, at most 96 are possible; name another place with --control-socket");
    }

    // ---- who asks ----

    @Test
    void nobodyIsThere() {
        assertThatIOException()
                .isThrownBy(() ->
                        new ControlClient("gateway", List.of(dir.resolve("a"), dir.resolve("b"))).ask("echo", Map.of()))
                .isInstanceOf(ControlClient.NotRunningException.class)
                .withMessage("the gateway is not running, or its socket is elsewhere: " + dir.resolve("a") + " and "
                        + dir.resolve("b") + " are not there; name the socket with --control-socket");
    }

    @Test
    void somebodyElseIsThere() throws Exception {
        assertThat(asking("not JSON\n")).endsWith(" is no agent of Culvert; name its socket with --control-socket");
        assertThat(asking("{\"program\":\"gateway\",\"answer\":{}}\n")).contains(" no agent answers, but 'gateway'; ");
        assertThat(asking("{\"program\":\"agent\"}\n")).endsWith("; update the older of the two");
        assertThat(asking("{\"program\":\"agent\",\"answer\":{"))
                .endsWith(" has ended the connection before it had answered; is it stopping? Try again");
        assertThat(asking("{\"error\":\"\u202eno\"}\n")).isEqualTo("the agent says: \\u202eno");
    }

    private String asking(String answer) throws Exception {
        Path foreign = dir.resolve("foreign.sock");
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(foreign));
            CompletableFuture<Void> said = CompletableFuture.runAsync(() -> {
                try (SocketChannel channel = other.accept()) {
                    channel.read(ByteBuffer.allocate(1_000));
                    say(channel, answer);
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            String message = assertThatIOException()
                    .isThrownBy(() -> new ControlClient("agent", List.of(foreign)).ask("echo", Map.of()))
                    .actual()
                    .getMessage();
            said.get(60, TimeUnit.SECONDS);
            return message;
        } finally {
            Files.delete(foreign);
        }
    }

    @Test
    void somebodyIsThereAndSaysNothing() throws Exception {
        Path silent = dir.resolve("silent.sock");
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(silent));
            assertThatIOException()
                    .isThrownBy(() ->
                            new ControlClient("gateway", List.of(silent), Duration.ofMillis(50)).ask("echo", Map.of()))
                    .withMessageContaining(" has not answered within ");
        }
    }
}
