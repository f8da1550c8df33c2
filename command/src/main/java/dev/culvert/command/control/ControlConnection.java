package dev.culvert.command.control;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One who asks: a line is read, its answer found, and written; behind that perhaps a stream, until one of the two ends it. On the
 * thread of its socket; nothing here waits.
 */
final class ControlConnection {
    /** Most requests are shorter. */
    private static final int FIRST_READ = 512;

    /** Of a stream, written at once: more than one packet of any kind. */
    private static final int CHUNK = 64 << 10;

    /** Chunks in a turn, in which others wait. */
    private static final int CHUNKS = 16;

    /** A stream has no end by itself: longer than any machine runs. */
    private static final Duration FOR_EVER = Duration.ofDays(36_500);

    private final ControlSocket socket;
    private final SocketChannel channel;
    private final SelectionKey key;
    private ByteBuffer in = ByteBuffer.allocate(FIRST_READ);
    private @Nullable ByteBuffer out;
    private Questions.@Nullable Stream stream;
    private boolean streaming;
    private int held;
    private long deadline;
    private boolean asked;
    private boolean gone;

    ControlConnection(ControlSocket socket, SocketChannel channel, SelectionKey key) {
        this.socket = socket;
        this.channel = channel;
        this.key = key;
        key.attach(this);
        due(ControlSocket.REQUEST_TIME);
    }

    private void due(Duration in) {
        deadline = socket.now() + in.toNanos();
    }

    /** By which it has to have gone on, by the clock of the socket. */
    long deadline() {
        return deadline;
    }

    /** Something can be read, or written. */
    void ready() {
        try {
            if (streaming) {
                stream();
            } else if (out != null) {
                write(out);
            } else if (!asked) {
                read();
            }
        } catch (IOException | RuntimeException e) { // the asker has gone: no news
            close();
        }
    }

    private void read() throws IOException {
        int n = channel.read(in);
        int end = n > 0 ? endOfLine(in.position() - n) : n < 0 ? in.position() : -1;
        if (end == 0 && n < 0) {
            close(); // it has asked nothing
        } else if (end >= 0) {
            ask(Arrays.copyOf(in.array(), end));
        } else if (in.position() > Questions.MAX_REQUEST) {
            refuse("a request has at most " + Questions.MAX_REQUEST + " bytes");
        } else if (!in.hasRemaining()) {
            // One more than may be: so that it is seen.
            int larger = Math.min(Questions.MAX_REQUEST + 1, 2 * in.capacity());
            in = ByteBuffer.allocate(larger).put(in.flip());
        }
    }

    private int endOfLine(int from) {
        for (int i = from; i < in.position(); i++) {
            if (in.get(i) == '\n') {
                return i;
            }
        }
        return -1;
    }

    private void ask(byte[] line) {
        asked = true;
        in = ByteBuffer.allocate(0);
        key.interestOps(0);
        due(ControlSocket.ANSWER_TIME);
        socket.find(line, this::answer);
    }

    /** It gets no answer, but why. */
    void refuse(String why) {
        asked = true;
        answer(new Questions.Answer(socket.questions().error(why), null));
    }

    private void answer(Questions.Answer answer) {
        Questions.Stream behind = answer.stream();
        if (gone || out != null) { // too late
            if (behind != null) {
                behind.close();
            }
            return;
        }
        stream = behind;
        byte[] said = answer.line();
        if (!socket.hold(said.length)) {
            endStream();
            said = socket.questions().error("too many answers wait to be taken; try again");
            if (!socket.hold(said.length)) {
                close();
                return;
            }
        }
        held = said.length;
        out = ByteBuffer.wrap(said);
        due(ControlSocket.TAKING_TIME);
        ready();
    }

    private void write(ByteBuffer answer) throws IOException {
        channel.write(answer);
        if (answer.hasRemaining()) {
            key.interestOps(SelectionKey.OP_WRITE);
        } else if (stream == null) {
            close();
        } else {
            streaming = true;
            due(FOR_EVER);
            in = ByteBuffer.allocate(FIRST_READ);
            stream.start(() -> socket.run(this::ready));
            stream();
        }
    }

    /** Writes what there is, for a turn; what the asker says meanwhile is of no interest, but that it has gone is. */
    private void stream() throws IOException {
        if (gone || stream == null) {
            return;
        }
        if (channel.read(in.clear()) < 0) {
            close();
            return;
        }
        for (int i = 0; i < CHUNKS; i++) {
            boolean last = false;
            if (out == null || !out.hasRemaining()) {
                last = stream.isLast(); // before it is polled: what comes between the two is polled
                out = next(stream);
            }
            if (out == null && last) {
                close();
                return;
            }
            if (out == null) {
                key.interestOps(SelectionKey.OP_READ);
                return;
            }
            channel.write(out);
            if (out.hasRemaining()) {
                break;
            }
        }
        key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
    }

    private static @Nullable ByteBuffer next(Questions.Stream stream) {
        byte[] first = stream.poll();
        if (first == null) {
            return null;
        }
        ByteArrayOutputStream chunk = new ByteArrayOutputStream();
        for (byte[] piece = first; piece != null; piece = chunk.size() < CHUNK ? stream.poll() : null) {
            chunk.writeBytes(piece);
        }
        return ByteBuffer.wrap(chunk.toByteArray());
    }

    /**
     * Writes the rest of what it has begun to write, so that a stream ends with a whole piece. When the socket's thread has ended.
     *
     * @param until when the asker must have taken it, by the clock of the socket
     */
    void finish(long until) {
        ByteBuffer rest = out;
        if (gone || !streaming || rest == null) {
            return;
        }
        try {
            while (rest.hasRemaining() && socket.now() - until < 0) {
                if (channel.write(rest) == 0) {
                    TimeUnit.MILLISECONDS.sleep(1);
                }
            }
        } catch (IOException e) {
            // The asker has gone.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whoever takes it takes no more. */
    void endStream() {
        Questions.Stream ending = stream;
        stream = null;
        if (ending != null) {
            ending.close();
        }
    }

    /** Ends it, if it has been too slow: whoever waits for an answer is told, whoever does not read or write is not. */
    void expire(long now) {
        if (now - deadline < 0) {
            return;
        }
        if (asked && out == null) {
            refuse("no answer was found within " + ControlSocket.ANSWER_TIME.toSeconds() + " s; try again");
        } else {
            close();
        }
    }

    private void close() {
        if (gone) {
            return;
        }
        gone = true;
        endStream();
        socket.hold(-held);
        socket.gone(this);
        try {
            channel.close();
        } catch (IOException e) {
            key.cancel(); // nothing more can be done, and nobody is left to be told
        }
    }
}
