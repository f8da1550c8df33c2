package dev.culvert.command.control;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import java.io.ByteArrayOutputStream;
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
         * @param with the arguments: an object, perhaps an empty one; they are not checked yet
         * @throws IOException with one line for people: why there is none
         */
        Object answer(JsonNode with) throws IOException;
    }

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

    /** The line that answers a line. Blocks. */
    byte[] answer(byte[] line) {
        try {
            JsonNode request = JSON.readTree(line);
            JsonNode name = request.path("ask");
            if (!request.isObject() || !name.isString()) {
                return error("a request is a line of JSON such as {\"culvert\": 1, \"ask\": \"status\"}");
            }
            Entry entry = entries.get(name.stringValue());
            if (entry == null) {
                return error("this " + program + " (version " + version + ") knows no '"
                        + Printable.shorten(name.stringValue()) + "'; it answers "
                        + String.join(", ", entries.keySet()));
            }
            JsonNode with = request.path("with");
            return line("answer", entry.question.answer(with.isObject() ? with : JSON.createObjectNode()));
        } catch (JacksonException e) {
            return error("a request is a line of JSON, and this is none: " + e.getOriginalMessage());
        } catch (IOException e) {
            return error(FileError.reason(e));
        } catch (RuntimeException e) {
            return error("it could not be answered: " + FileError.reason(e));
        } catch (OutOfMemoryError | StackOverflowError e) { // whoever asks is told, and the next may have more luck
            return error("there is no memory for an answer");
        }
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
