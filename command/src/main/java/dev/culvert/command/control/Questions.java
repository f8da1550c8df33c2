package dev.culvert.command.control;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a running program answers, by name. From any thread. */
public final class Questions {
    /** Of the protocol; a later one is spoken when an old program would misunderstand, and not for what it may leave alone. */
    static final int VERSION = 1;

    /** What the asker writes: a name and a few arguments. */
    static final int MAX_REQUEST = 64 << 10;

    /** One answer: what a hundred thousand links have to be told of takes half. */
    static final int MAX_ANSWER = 32 << 20;

    private static final String CATALOGUE = "questions";

    private static final JsonMapper JSON = JsonMapper.builder()
            .changeDefaultPropertyInclusion(all -> all.withValueInclusion(JsonInclude.Include.NON_NULL))
            .build();

    /** Finds an answer. */
    @FunctionalInterface
    public interface Question {
        /**
         * The answer: records, maps, lists, texts, numbers, times. On a thread that may block, of which there are few. It must hold no
         * secret: who may ask is not always who may read the program's keys.
         *
         * A {@link Stream} is an answer that goes on.
         *
         * @param with the arguments: an object, perhaps an empty one; they are not checked yet
         * @throws IOException with one line for people: why there is none
         */
        Object answer(JsonNode with) throws IOException;
    }

    /** An answer with bytes behind it, for as long as the asker takes them. */
    public interface Stream extends Closeable {
        /** What is answered before the bytes. */
        Object answer();

        /**
         * Begins. On the socket's thread, once.
         *
         * @param readable to be told when {@link #poll} has something after it had nothing, and of the {@link #isLast end}; from any
         *     thread
         */
        void start(Runnable readable);

        /** The bytes that come next, whole when the program ends meanwhile; null if there are none now. On the socket's thread; must not block. */
        byte @Nullable [] poll();

        /**
         * Whether nothing follows that cannot be polled now: with what there is the answer ends. On the socket's thread.
         */
        boolean isLast();

        /** The asker has gone or has been given all, or never took the answer. Once, from any thread; must not block. */
        @Override
        void close();
    }

    /**
     * What is written to an asker.
     *
     * @param stream what follows the line; null for nothing
     */
    record Answer(byte[] line, @Nullable Stream stream) {}

    private record Entry(String about, Question question) {}

    private final String program;
    private final String version;
    private final Map<String, Entry> entries = new ConcurrentSkipListMap<>();

    /**
     * @param program that answers
     * @param version of it
     */
    public Questions(String program, String version) {
        this.program = program;
        this.version = version;
        add(CATALOGUE, "what may be asked", with -> {
            Map<String, String> all = new LinkedHashMap<>();
            entries.forEach((name, entry) -> all.put(name, entry.about));
            return all;
        });
    }

    /**
     * It is answered from now on.
     *
     * @param name such as {@code publish-list}
     * @param about what is answered, in a few words
     */
    public void add(String name, String about, Question question) {
        if (entries.putIfAbsent(name, new Entry(about, question)) != null) {
            throw new IllegalArgumentException("two answers for '" + name + "'");
        }
    }

    String program() {
        return program;
    }

    /** What answers a line. Blocks. */
    Answer answer(byte[] line) {
        try {
            JsonNode request = JSON.readTree(line);
            JsonNode name = request.path("ask");
            if (!request.isObject() || !name.isString()) {
                return none("a request is a line of JSON such as {\"culvert\": 1, \"ask\": \"status\"}");
            }
            Entry entry = entries.get(name.stringValue());
            if (entry == null) {
                return none("this " + program + " (version " + version + ") knows no '"
                        + Printable.shorten(name.stringValue()) + "'; it answers "
                        + String.join(", ", entries.keySet()));
            }
            JsonNode with = request.path("with");
            Object answer = entry.question.answer(with.isObject() ? with : JSON.createObjectNode());
            return answer instanceof Stream stream ? begun(stream) : new Answer(line("answer", answer), null);
        } catch (JacksonException e) {
            return none("a request is a line of JSON, and this is none: " + e.getOriginalMessage());
        } catch (IOException e) {
            return none(FileError.reason(e));
        } catch (RuntimeException e) {
            return none("it could not be answered: " + FileError.reason(e));
        } catch (OutOfMemoryError | StackOverflowError e) { // whoever asks is told, and the next may have more luck
            return none("there is no memory for an answer");
        }
    }

    private Answer begun(Stream stream) throws IOException {
        try {
            return new Answer(line("answer", stream.answer()), stream);
        } catch (IOException | RuntimeException e) {
            stream.close();
            throw e;
        }
    }

    private Answer none(String why) {
        return new Answer(error(why), null);
    }

    /** The line that says why there is no answer. */
    byte[] error(String why) {
        try {
            return line("error", Printable.line(why));
        } catch (IOException e) {
            throw new IllegalStateException("an error that is too long", e);
        }
    }

    private byte[] line(String member, @Nullable Object value) throws IOException {
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        all.put("culvert", VERSION);
        all.put("program", program);
        all.put("version", version);
        all.put(member, value);
        Bounded out = new Bounded();
        try {
            JSON.writeValue(out, all);
        } catch (JacksonException e) {
            if (out.isFull()) {
                throw new IOException("the answer is longer than " + MAX_ANSWER + " bytes; ask for less", e);
            }
            throw new IllegalStateException("an answer that is no JSON: " + e.getOriginalMessage(), e);
        }
        out.write('\n');
        return out.bytes.toByteArray();
    }

    private static final class Bounded extends OutputStream {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private boolean full;

        boolean isFull() {
            return full;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b});
        }

        @Override
        public void write(byte[] b, int off, int len) throws IOException {
            if (len > MAX_ANSWER - bytes.size()) {
                full = true;
                throw new IOException("full");
            }
            bytes.write(b, off, len);
        }
    }
}
