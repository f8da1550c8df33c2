package dev.culvert.store;

import java.util.regex.Pattern;

/**
 * Text in a {@link Store}.
 *
 * @param name what it is called there, in a directory of files its file's name
 * @param secret whether only who runs Culvert may read it
 * @param maxSize no such text of ours has more bytes; bounds what a mix-up (a log, a disk image) costs
 */
public record Document(String name, boolean secret, int maxSize) {
    /** Keys, certificates, addresses: nothing of ours comes near. */
    private static final int MAX_SIZE = 256 * 1024;

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}");

    /** Checks that the name leads nowhere else. */
    public Document {
        if (!isName(name)) {
            throw new IllegalArgumentException("'" + name + "' is no name for a document");
        }
    }

    /** Whether a document could be called so. */
    public static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    /** One that everybody may read. */
    public static Document open(String name) {
        return new Document(name, false, MAX_SIZE);
    }

    /** One that only its owner may read. */
    public static Document secret(String name) {
        return new Document(name, true, MAX_SIZE);
    }
}
