package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jose4j.json.JsonUtil;
import org.jose4j.lang.JoseException;
import org.jspecify.annotations.Nullable;

/**
 * A document with one JSON object a line.
 *
 * @param <T> what a line says
 */
final class JsonLines<T> {
    /** A hundred thousand lines of 160 characters: years of tokens; bounds what a mix-up of files costs. */
    static final int MAX_SIZE = 16 * 1024 * 1024;

    private final Store store;
    private final Document document;
    private final Entry<T> entry;
    private final Function<T, Map<String, Object>> fields;

    /**
     * @param entry reads a line
     * @param fields the same for writing
     */
    JsonLines(Store store, Document document, Entry<T> entry, Function<T, Map<String, Object>> fields) {
        this.store = store;
        this.document = document;
        this.entry = entry;
        this.fields = fields;
    }

    /** Turns the fields of one line into a value. */
    interface Entry<T> {
        /** @throws IllegalArgumentException if they are not such a value */
        T of(Map<String, Object> fields);
    }

    /** Makes lines of lines. */
    interface Change<T> {
        /**
         * @param lines may be changed
         * @return null to leave them as they are
         */
        @Nullable
        List<T> of(List<T> lines);
    }

    /**
     * All lines; none if there is no document.
     *
     * @throws StateException naming the first line that is wrong: nothing is skipped, for it could be a revocation
     */
    List<T> read() throws StateException {
        return parse(store.get(document));
    }

    private List<T> parse(@Nullable String text) throws StateException {
        return parse(store.where(document), text, entry);
    }

    /**
     * The lines of a text; none if there is none.
     *
     * @param where it is, for people
     */
    static <T> List<T> parse(String where, @Nullable String text, Entry<T> entry) throws StateException {
        if (text == null) {
            return List.of();
        }
        List<T> out = new ArrayList<>();
        int number = 0;
        for (String line : text.split("\n")) {
            number++;
            if (line.isBlank()) {
                continue;
            }
            try {
                out.add(entry.of(JsonUtil.parseJson(line)));
            } catch (JoseException | RuntimeException e) {
                throw new StateException(
                        where + " line " + number + " cannot be understood ("
                                + Printable.shorten(String.valueOf(e.getMessage()))
                                + "): correct or remove that line, or restore the file from a backup",
                        e);
            }
        }
        return out;
    }

    /** Replaces the lines by what is made of them, all or none, and says whether it did; see {@link Store#update}. */
    boolean change(Change<T> change) throws StateException {
        return store.update(document, before -> {
            List<T> next = change.of(new ArrayList<>(parse(before)));
            return next == null ? null : text(store.where(document), next, fields);
        });
    }

    /**
     * The text of lines.
     *
     * @param where it will be, for people
     * @throws StateException if nobody would read so much
     */
    static <T> String text(String where, List<T> entries, Function<T, Map<String, Object>> fields)
            throws StateException {
        StringBuilder text = new StringBuilder();
        for (T entry : entries) {
            text.append(JsonUtil.toJson(fields.apply(entry))).append('\n');
            if (text.length() > MAX_SIZE) {
                throw new StateException(where + " would be larger than " + MAX_SIZE
                        + " bytes: move it to an archive, or rotate and retire the signing key and begin anew");
            }
        }
        return text.toString();
    }

    /** The text of a field. */
    static String text(Map<String, Object> fields, String field) {
        if (fields.get(field) instanceof String text) {
            return text;
        }
        throw new IllegalArgumentException("'" + field + "' is missing or not text");
    }
}
