package dev.culvert.command.control;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** One who asks: a line is read, its answer found, and written. On the thread of its socket; nothing here waits. */
final class ControlConnection {
    /** Most requests are shorter. */
    private static final int FIRST_READ = 512;

    private final ControlSocket socket;
    private final SocketChannel channel;
    private final SelectionKey key;
    private ByteBuffer in = ByteBuffer.allocate(FIRST_READ);
    private @Nullable ByteBuffer out;
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
            if (out != null) {
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
        answer(socket.questions().error(why));
    }

    private void answer(byte[] line) {
        if (gone || out != null) {
            return; // too late
        }
        byte[] said = line;
        if (!socket.hold(said.length)) {
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
        } else {
            close();
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
        socket.hold(-held);
        socket.gone(this);
        try {
            channel.close();
        } catch (IOException e) {
            key.cancel(); // nothing more can be done, and nobody is left to be told
        }
    }
}
