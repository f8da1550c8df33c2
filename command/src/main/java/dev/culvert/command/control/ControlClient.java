package dev.culvert.command.control;

import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Asks a running program on its control socket. Blocks. */
public final class ControlClient {
    /** Longer than the other side takes, whatever stops it. */
    private static final Duration PATIENCE =
            ControlSocket.REQUEST_TIME.plus(ControlSocket.ANSWER_TIME).plus(ControlSocket.TAKING_TIME);

    private static final int READ = 64 << 10;

    private static final JsonMapper JSON = JsonMapper.shared();

    private final String program;
    private final List<Path> places;
    private final Duration patience;

    /**
     * @param program who is asked
     * @param places where its socket may be; the first at which somebody answers is taken
     */
    public ControlClient(String program, List<Path> places) {
        this(program, places, PATIENCE);
    }

    /** @param patience for an answer, from who is there */
    public ControlClient(String program, List<Path> places, Duration patience) {
        this.program = program;
        this.places = List.copyOf(places);
        this.patience = patience;
    }

    /** Nobody listens. */
    public static final class NotRunningException extends IOException {
        private static final long serialVersionUID = 1;

        NotRunningException(String message) {
            super(message);
        }
    }

    /**
     * Asks.
     *
     * @param with the arguments
     * @return what is answered; who shows it escapes it, for texts in it are those of others
     * @throws NotRunningException when nobody listens, with one line for people
     * @throws IOException when there is no answer, likewise
     */
    public JsonNode ask(String question, Map<String, ?> with) throws IOException {
        try (Answered answered = open(question, with)) {
            return answered.answer();
        }
    }

    /**
     * Asks for an answer that goes on.
     *
     * @return what is answered; the caller's to close
     * @throws IOException as {@link #ask}
     */
    public Answered open(String question, Map<String, ?> with) throws IOException {
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("culvert", Questions.VERSION);
        request.put("ask", question);
        request.put("with", with);
        byte[] line = (JSON.writeValueAsString(request) + '\n').getBytes(StandardCharsets.UTF_8);
        NotRunningException left = null;
        for (Path place : places) {
            if (isThere(place)) {
                try {
                    return exchange(place, line);
                } catch (NotRunningException e) {
                    left = left == null ? e : left; // one may be running elsewhere all the same
                }
            }
        }
        throw left != null
                ? left
                : new NotRunningException("the " + program + " is not running, or its socket is elsewhere: "
                        + places.stream().map(Path::toString).collect(Collectors.joining(" and "))
                        + (places.size() == 1 ? " is" : " are") + " not there; name the socket with --control-socket");
    }

    /** An answer, and what follows it. */
    public static final class Answered implements Closeable {
        private final JsonNode answer;
        private final SocketChannel channel;
        private final ByteBuffer rest;

        private Answered(JsonNode answer, SocketChannel channel, ByteBuffer rest) {
            this.answer = answer;
            this.channel = channel;
            this.rest = rest;
        }

        /** What is answered; who shows it escapes it, for texts in it are those of others. */
        public JsonNode answer() {
            return answer;
        }

        /**
         * Copies what follows as it comes, until the program ends, or this is closed by another thread.
         *
         * @throws IOException when it cannot be written
         */
        public void copyTo(OutputStream out) throws IOException {
            out.write(rest.array(), rest.position(), rest.remaining());
            out.flush();
            ByteBuffer in = ByteBuffer.allocate(READ);
            while (true) {
                int n;
                try {
                    n = channel.read(in.clear());
                } catch (IOException e) {
                    return; // ended, by one side or the other
                }
                if (n < 0) {
                    return;
                }
                out.write(in.array(), 0, n);
                out.flush();
            }
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    private boolean isThere(Path place) throws IOException {
        try {
            Files.readAttributes(place, BasicFileAttributes.class);
            return true;
        } catch (AccessDeniedException e) {
            throw denied(program, place, null);
        } catch (IOException e) {
            return false;
        }
    }

    private Answered exchange(Path place, byte[] line) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            CompletableFuture<Void> timer = new CompletableFuture<>();
            timer.completeOnTimeout(null, patience.toMillis(), TimeUnit.MILLISECONDS)
                    .thenRun(() -> shut(channel));
            try {
                connect(channel, place);
                write(channel, line);
                return read(channel, place);
            } finally {
                timer.cancel(false);
            }
        } catch (AsynchronousCloseException e) {
            channel.close();
            throw new IOException(
                    "the " + program + " at " + place + " has not answered within " + patience.toSeconds()
                            + " s; it is stopped, or has too much to do: see to its log",
                    e);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** One that is refused at once may have been answered, and left, before it has asked: the answer says why. */
    private static void write(SocketChannel channel, byte[] line) throws AsynchronousCloseException {
        ByteBuffer out = ByteBuffer.wrap(line);
        try {
            while (out.hasRemaining()) {
                channel.write(out);
            }
        } catch (AsynchronousCloseException e) {
            throw e;
        } catch (IOException e) {
            // Reading tells.
        }
    }

    private static void shut(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            throw new IllegalStateException(e); // nobody is told; the exchange then waits on
        }
    }

    private void connect(SocketChannel channel, Path place) throws IOException {
        try {
            channel.connect(UnixDomainSocketAddress.of(place));
        } catch (AsynchronousCloseException e) {
            throw e;
        } catch (ConnectException e) {
            throw new NotRunningException("the " + program + " is not running: nobody answers at " + place
                    + ", which one that was killed has left; if it runs, name its socket with --control-socket");
        } catch (IOException e) {
            String why = FileError.reason(e);
            if (why.equals("Permission denied") || why.equals("permission denied")) {
                throw denied(program, place, e);
            }
            throw new IOException(
                    "the " + program + " cannot be asked at " + place + " (" + why
                            + "); name its socket with --control-socket",
                    e);
        }
    }

    /** Who may not, and how he may. */
    static IOException denied(String program, Path place, @Nullable Exception cause) {
        String cure = "run it as root";
        try {
            PosixFileAttributes there =
                    Files.readAttributes(place, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            String owner = there.owner().getName();
            if (there.permissions().contains(PosixFilePermission.GROUP_WRITE)) {
                cure += " or join group '" + Printable.shorten(there.group().getName()) + "'";
            } else if (!owner.equals("root")) {
                cure += " or as '" + Printable.shorten(owner) + "'";
            }
        } catch (IOException | UnsupportedOperationException e) {
            // it is in a directory that may not be looked into
        }
        return new IOException("no permission to ask the " + program + " at " + place + ": " + cure, cause);
    }

    private Answered read(SocketChannel channel, Path place) throws IOException {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        ByteBuffer in = ByteBuffer.allocate(READ);
        while (true) {
            int n = channel.read(in.clear());
            if (n < 0) {
                throw new IOException("the " + program + " at " + place
                        + " has ended the connection before it had answered; is it stopping? Try again");
            }
            for (int i = 0; i < n; i++) {
                if (in.get(i) == '\n') {
                    answer.write(in.array(), 0, i);
                    return new Answered(
                            answer(place, answer.toByteArray()),
                            channel,
                            ByteBuffer.wrap(Arrays.copyOfRange(in.array(), i + 1, n)));
                }
            }
            answer.write(in.array(), 0, n);
            if (answer.size() > Questions.MAX_ANSWER) {
                throw new IOException("what answers at " + place + " is no " + program + " of Culvert: more than "
                        + Questions.MAX_ANSWER + " bytes; name its socket with --control-socket");
            }
        }
    }

    private JsonNode answer(Path place, byte[] line) throws IOException {
        JsonNode said;
        try {
            said = JSON.readTree(line);
        } catch (JacksonException e) {
            throw new IOException(
                    "what answers at " + place + " is no " + program
                            + " of Culvert; name its socket with --control-socket",
                    e);
        }
        String error = said.path("error").asString("");
        if (!error.isEmpty()) {
            throw new IOException("the " + program + " says: " + Printable.text(error));
        }
        String other = said.path("program").asString("");
        if (!other.equals(program)) {
            throw new IOException("at " + place + " no " + program + " answers, but "
                    + (other.isEmpty() ? "something else" : "'" + Printable.shorten(other) + "'")
                    + "; name the right socket with --control-socket");
        }
        JsonNode answer = said.path("answer");
        if (answer.isMissingNode()) {
            throw new IOException("the " + program + " at " + place + " has answered nothing that this version"
                    + " understands; update the older of the two");
        }
        return answer;
    }
}
