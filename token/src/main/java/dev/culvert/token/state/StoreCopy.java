package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;

/** Copies all that gateways share from one store to another, which has none of it yet: to move it, or to keep it. Blocks. */
public final class StoreCopy {
    /** What is shared of a state directory; the rest of it is its machine's own. */
    private static final Set<String> SHARED = Set.of(
            SigningKeys.PUBLIC.name(),
            Revocations.FILE,
            "ca.crt",
            "ca.key",
            "drained",
            "gateway.url",
            "instance-marks.key",
            "issued.jsonl",
            "policy.yaml",
            "renewals.jsonl");

    /** Which gateways there are: of the place, and not of what is copied. */
    private static final String PRESENT = "gateways";

    private static final Pattern CERTIFICATES = Pattern.compile("acme([-_].*)?\\.json");

    private StoreCopy() {}

    /** What was copied. */
    public record Copied(int documents, int enrolments) {}

    /**
     * Copies it. What makes a store one is written last, so that a copy that was cut short is none and can be repeated.
     *
     * @throws StateException if there is nothing, something that cannot be read, or the other has something already
     */
    public static Copied copy(Store from, Store to) throws StateException {
        from.require(SigningKeys.PUBLIC);
        if (to.exists(SigningKeys.PUBLIC)) {
            throw new StateException(to.where(SigningKeys.PUBLIC)
                    + " is there already: copy to a place that holds no state, or take that one away first");
        }
        int documents = from.locked(() -> {
            int copied = 0;
            for (String name : from.documents()) {
                if (!name.equals(SigningKeys.PUBLIC.name()) && isShared(from, name)) {
                    copied += copy(from, to, name);
                }
            }
            return copied;
        });
        List<Register.Binding> enrolments = from.bindings(Enrolments.REGISTER);
        if (!enrolments.isEmpty()) {
            to.fill(Enrolments.REGISTER, enrolments);
        }
        documents += copy(from, to, SigningKeys.PUBLIC.name());
        return new Copied(documents, enrolments.size());
    }

    private static boolean isShared(Store from, String name) {
        return !(from instanceof FileStore) && !name.equals(PRESENT)
                || SHARED.contains(name)
                || CERTIFICATES.matcher(name).matches();
    }

    /** Whether anybody may read it is not known of all: so nobody may. */
    private static int copy(Store from, Store to, String name) throws StateException {
        Document document = new Document(name, true, JsonLines.MAX_SIZE);
        String text = from.get(document);
        if (text == null) {
            return 0;
        }
        to.put(document, text);
        if (!Objects.equals(to.get(document), text)) {
            throw new StateException(to.where(document) + " does not say what was written: somebody else writes there");
        }
        return 1;
    }
}
