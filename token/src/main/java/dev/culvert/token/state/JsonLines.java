package dev.culvert.token.state;

import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jose4j.json.JsonUtil;
import org.jose4j.lang.JoseException;

/** A file of the state directory with one JSON object a line. */
final class JsonLines {
    /** A hundred thousand lines of 160 characters: years of tokens; bounds what a mix-up of files costs. */
    private static final int MAX_SIZE = 16 * 1024 * 1024;

    private final StateFiles files;
    private final String name;
    private final boolean secret;

    JsonLines(StateFiles files, String name, boolean secret) {
        this.files = files;
        this.name = name;
        this.secret = secret;
    }

    /** Turns the fields of one line into a value. */
    interface Entry<T> {
        /** @throws IllegalArgumentException if they are not such a value */
        public T of(Map<String, Object> fields);
    }

    /**
     * All lines; none if there is no file.
     *
     * @throws StateException naming the first line that is wrong: nothing is skipped, for it could be a revocation
     */
    <T> List<T> read(Entry<T> entry) throws StateException {
        if (!files.exists(name)) {
            return List.of();
        }
        List<T> out = new ArrayList<>();
        int number = 0;
        for (String line : files.read(name, MAX_SIZE).split("\n")) {
            number++;
            if (line.isBlank()) {
                continue;
            }
            try {
                out.add(entry.of(JsonUtil.parseJson(line)));
            } catch (JoseException | RuntimeException e) {
                throw new StateException(
                        files.path(name) + " line " + number + " cannot be understood ("
                                + Printable.shorten(String.valueOf(e.getMessage()))
                                + "): correct or remove that line, or restore the file from a backup",
                        e);
            }
        }
        return out;
    }

    /** Replaces the file, whole or not at all. Call within {@link StateFiles#locked}. */
    void write(Collection<Map<String, Object>> lines) throws StateException {
        StringBuilder text = new StringBuilder();
        lines.forEach(fields -> text.append(JsonUtil.toJson(fields)).append('\n'));
        if (text.length() > MAX_SIZE) {
            throw new StateException(files.path(name) + " would be larger than " + MAX_SIZE
                    + " bytes: move it to an archive, or rotate and retire the signing key and begin anew");
        }
        files.write(name, text.toString(), secret);
    }

    /** The text of a field. */
    static String text(Map<String, Object> fields, String field) {
        if (fields.get(field) instanceof String text) {
            return text;
        }
        throw new IllegalArgumentException("'" + field + "' is missing or not text");
    }
}
