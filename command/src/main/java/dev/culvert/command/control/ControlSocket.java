package dev.culvert.command.control;

import dev.culvert.text.FileError;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Answers {@link Questions} on a Unix socket, on threads of its own: one that reads and writes and never waits for a peer, and
 * {@value #ANSWERING} that find answers.
 */
public final class ControlSocket implements Closeable {
    /** Who asks at once: some terminals and a monitoring. One more is told so. */
    static final int MAX_CONNECTIONS = 16;

    /** Threads for answers: one that takes long does not stop the others. */
    static final int ANSWERING = 2;

    /** What waits for all askers together to take it, in bytes: a few of the longest answers. */
    static final long MAX_WAITING = 2L * Questions.MAX_ANSWER;

    /** For the asker to have said what it asks: it is a program on this machine. */
    static final Duration REQUEST_TIME = Duration.ofSeconds(5);

    /** To find an answer. The thread that does is not stopped, but nobody waits for it any more. */
    static final Duration ANSWER_TIME = Duration.ofSeconds(30);

    /** For the asker to have taken all of the answer. */
    static final Duration TAKING_TIME = Duration.ofSeconds(10);

    /** Until connections are taken again when the system had no room for one more. */
    private static final Duration PAUSE = Duration.ofSeconds(1);

    /** For all streams together to take the rest of what has been written to them in part, at the end. */
    private static final Duration FINISH = Duration.ofSeconds(1);

    /** Idle threads end. */
    private static final Duration IDLE = Duration.ofSeconds(10);

    private static final SocketFile.Use USE =
            new SocketFile.Use("control socket", "name another place with --control-socket");

    private final Questions questions;
    private final SocketFile<ServerSocketChannel> file;
    private final Consumer<String> log;
    private final LongSupplier nanoTime;
    private final Selector selector;
    private final ThreadPoolExecutor answering;
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private volatile boolean closed;

    // Used on the thread only.
    private final Set<ControlConnection> connections = new HashSet<>();
    private final SelectionKey accepting;
    private @Nullable Long acceptAgain;
    private boolean complained;
    private long waiting;

    /**
     * Listens, and answers from now on.
     *
     * @param path where the socket is to be
     * @param group whose members may ask beside its owner and root; null for none
     * @param log is told in one line what goes wrong here; from the thread of the socket
     * @throws IOException with one line for people
     */
    public static ControlSocket open(Path path, @Nullable String group, Questions questions, Consumer<String> log)
            throws IOException {
        return open(path, group, questions, log, System::nanoTime);
    }

    static ControlSocket open(
            Path path, @Nullable String group, Questions questions, Consumer<String> log, LongSupplier nanoTime)
            throws IOException {
        SocketFile<ServerSocketChannel> file = SocketFile.open(USE, path, group, SocketFile::listen);
        try {
            ControlSocket socket = new ControlSocket(questions, file, log, nanoTime);
            socket.thread.start();
            return socket;
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private ControlSocket(
            Questions questions, SocketFile<ServerSocketChannel> file, Consumer<String> log, LongSupplier nanoTime)
            throws IOException {
        this.questions = questions;
        this.file = file;
        this.log = log;
        this.nanoTime = nanoTime;
        this.selector = Selector.open();
        file.channel().configureBlocking(false);
        this.accepting = file.channel().register(selector, SelectionKey.OP_ACCEPT);
        String name = questions.program() + "-control";
        this.thread = new Thread(this::run, name);
        thread.setDaemon(true);
        this.answering = new ThreadPoolExecutor(
                ANSWERING,
                ANSWERING,
                IDLE.toMillis(),
                TimeUnit.MILLISECONDS,
                new LinkedBlockingQueue<>(MAX_CONNECTIONS),
                task -> {
                    Thread t = new Thread(task, name + "-answer");
                    t.setDaemon(true);
                    return t;
                });
        answering.allowCoreThreadTimeOut(true);
    }

    private void run() {
        try {
            while (!closed) {
                turn();
            }
        } catch (IOException | RuntimeException e) {
            if (!closed) {
                log.accept("control socket: nothing is answered any more (" + FileError.reason(e) + ")");
            }
        }
    }

    private void turn() throws IOException {
        selector.select(untilNext());
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
        for (SelectionKey key : selector.selectedKeys()) {
            if (key == accepting) {
                accept();
            } else if (key.attachment() instanceof ControlConnection connection) {
                connection.ready();
            }
        }
        selector.selectedKeys().clear();
        long now = nanoTime.getAsLong();
        for (ControlConnection connection : List.copyOf(connections)) {
            connection.expire(now);
        }
        Long again = acceptAgain;
        if (again != null && now - again >= 0) {
            acceptAgain = null;
            accepting.interestOps(SelectionKey.OP_ACCEPT);
        }
    }

    /** In milliseconds, for select: 0 is for ever. */
    private long untilNext() {
        List<Long> moments = new ArrayList<>();
        connections.forEach(c -> moments.add(c.deadline()));
        if (acceptAgain != null) {
            moments.add(acceptAgain);
        }
        long now = nanoTime.getAsLong();
        return moments.stream()
                .mapToLong(at -> Math.max(1, TimeUnit.NANOSECONDS.toMillis(at - now) + 1))
                .min()
                .orElse(0);
    }

    private void accept() {
        try {
            SocketChannel channel = file.channel().accept();
            if (channel == null) {
                return;
            }
            complained = false;
            channel.configureBlocking(false);
            ControlConnection connection =
                    new ControlConnection(this, channel, channel.register(selector, SelectionKey.OP_READ));
            boolean full = connections.size() >= MAX_CONNECTIONS;
            connections.add(connection);
            if (full) {
                connection.refuse("too many ask at once; try again");
            }
        } catch (IOException e) {
            acceptAgain = nanoTime.getAsLong() + PAUSE.toNanos();
            accepting.interestOps(0);
            if (!complained) {
                complained = true;
                log.accept("control socket: no connection can be taken (" + FileError.reason(e) + ")");
            }
        }
    }

    // ---- for its connections, on the thread ----

    long now() {
        return nanoTime.getAsLong();
    }

    Questions questions() {
        return questions;
    }

    /** Finds the answer to a line, and gives it back on the thread; some time, perhaps. */
    void find(byte[] line, Consumer<Questions.Answer> then) {
        try {
            answering.execute(() -> {
                Questions.Answer answer = questions.answer(line);
                run(() -> then.accept(answer));
            });
        } catch (RejectedExecutionException e) {
            then.accept(
                    new Questions.Answer(questions.error("too many questions wait for an answer; try again"), null));
        }
    }

    /** Whether so many bytes more, or less, may wait for askers. */
    boolean hold(long bytes) {
        if (bytes > 0 && waiting + bytes > MAX_WAITING) {
            return false;
        }
        waiting += bytes;
        return true;
    }

    void gone(ControlConnection connection) {
        connections.remove(connection);
    }

    // ---- from any thread ----

    /** Where it is. */
    public Path path() {
        return file.path();
    }

    /** Has something done on the thread. */
    void run(Runnable task) {
        tasks.add(task);
        selector.wakeup();
    }

    /** Removes the socket. Who has asked and has no answer yet gets none. From any thread but those of the socket. */
    @Override
    public void close() throws IOException {
        closed = true;
        answering.shutdownNow();
        selector.wakeup();
        try {
            thread.join(PAUSE.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        long until = nanoTime.getAsLong() + FINISH.toNanos();
        try (selector) {
            for (SelectionKey key : selector.keys()) {
                if (key.attachment() instanceof ControlConnection connection) {
                    connection.finish(until);
                }
                if (key != accepting) {
                    key.channel().close();
                }
                if (key.attachment() instanceof ControlConnection connection) {
                    connection.endStream();
                }
            }
        } finally {
            file.close();
        }
    }
}
