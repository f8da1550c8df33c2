package dev.culvert.token.holder;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.token.HolderName;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The tokens that a program was logged in with, each under a name, and which of them is used when none is named: that of the last
 * login. A profile is a file that only its owner can read, {@code profile-NAME.token} in the holder's directory; a token that the
 * gateway has handed over in its place lies beside it, and so does what was said of the proxy on the way. Safe against other processes. Blocks.
 */
final class Profiles {
    /** The profile of who names none. */
    static final String DEFAULT = "default";

    /** A person's networks, and many more; a script that logs in under ever new names fills no disk. */
    static final int MOST = 256;

    private static final String PREFIX = "profile-";
    private static final String TOKEN = ".token";
    private static final String RENEWED = ".renewed";
    private static final String PROXY = ".proxy";

    /** Says which is used. No profile's token has such a name. */
    private static final Document CURRENT = Document.open("profile");

    private final Path directory;
    private final FileStore files;

    /** @param directory the holder's; made when something is kept */
    Profiles(Path directory) {
        this.directory = directory;
        this.files = new FileStore(directory);
    }

    /** The file of what the gateway has handed over in a profile's place. */
    static String renewed(String name) {
        return PREFIX + name + RENEWED;
    }

    private static Document token(String name) {
        return Document.secret(PREFIX + name + TOKEN);
    }

    private static Document proxyOf(String name) {
        return Document.secret(PREFIX + name + PROXY);
    }

    /**
     * Keeps a token, in the place of another one perhaps, and has it used.
     *
     * @param name as a holder's
     * @param jwt the token's text
     * @param renewed what was handed over in its place elsewhere, and is the profile's from now on; null when nothing was
     * @param proxy on the way to its gateways; null when nothing was said of it
     */
    void keep(String name, String jwt, @Nullable String renewed, @Nullable KeptProxy proxy) throws StateException {
        files.createDirectory();
        files.locked(() -> {
            List<String> names = names();
            if (names.size() >= MOST && !names.contains(name)) {
                throw new StateException(
                        "there are " + MOST + " profiles in " + directory + ": end one of them with 'logout NAME'");
            }
            boolean same = holds(name, jwt);
            // First: a token is never used by the way of another.
            if (proxy != null) {
                files.put(proxyOf(name), proxy.text());
            } else {
                delete(proxyOf(name).name());
            }
            files.put(token(name), jwt + "\n");
            files.put(CURRENT, name + "\n");
            // Last: should the above fail, for a full disk, what was handed over before is still there.
            if (renewed != null) {
                files.put(Document.secret(renewed(name)), renewed + "\n");
            } else if (!same) {
                delete(renewed(name)); // it was in the place of another one
            }
            return true;
        });
    }

    /**
     * Keeps what the gateway has handed over in the place of a profile's token.
     *
     * @param given the text of the token in whose place it is
     * @return false when it is not kept, for the profile holds another token by now, or is no more
     */
    boolean renew(String name, String given, String jwt) throws StateException {
        return has(name)
                && files.locked(() -> {
                    if (!holds(name, given)) {
                        return false;
                    }
                    files.put(Document.secret(renewed(name)), jwt + "\n");
                    return true;
                });
    }

    /** Whether a profile's token is this one. */
    boolean holds(String name, String jwt) throws StateException {
        String kept = files.get(token(name));
        try {
            return kept != null && TokenInput.of(kept, name, line -> {}).equals(jwt);
        } catch (SecretException e) {
            return false;
        }
    }

    /** What is kept of the proxy on the way to a profile's gateways; null when nothing is. */
    @Nullable
    KeptProxy proxy(String name) throws StateException {
        String kept = files.get(proxyOf(name));
        if (kept == null) {
            return null;
        }
        files.requireOurs(proxyOf(name)); // who writes it leads the token's holder past others
        try {
            return KeptProxy.read(kept);
        } catch (IllegalArgumentException e) {
            throw new StateException(
                    files.where(proxyOf(name)) + ": " + e.getMessage() + ": delete it, or log in again");
        }
    }

    /** In order; none where nothing is kept. */
    List<String> names() throws StateException {
        return !Files.isDirectory(directory)
                ? List.of()
                : files.documents().stream()
                        .filter(file -> file.startsWith(PREFIX) && file.endsWith(TOKEN))
                        .map(file -> file.substring(PREFIX.length(), file.length() - TOKEN.length()))
                        .filter(HolderName::isValid)
                        .sorted()
                        .toList();
    }

    /** Which is used when none is named: that of the last login, or the only one; null when there is none such. */
    @Nullable
    String current() throws StateException {
        List<String> names = names();
        String last = names.isEmpty() ? null : files.get(CURRENT);
        return last != null && names.contains(last.strip()) ? last.strip() : names.size() == 1 ? names.get(0) : null;
    }

    boolean has(String name) throws StateException {
        return names().contains(name);
    }

    /**
     * The text of a profile's token.
     *
     * @param name of one that there is
     * @param warn told in one line when others can read it
     */
    String read(String name, Consumer<String> warn) throws StateException, SecretException {
        files.requireOurs(token(name));
        return SecretSource.read(files.where(token(name)), Map.of(), InputStream.nullInputStream(), warn);
    }

    /** Deletes a profile, and what was handed over in its place; its key stays, which is of no use without a token. */
    boolean remove(String name) throws StateException {
        return has(name)
                && files.locked(() -> {
                    delete(token(name).name());
                    delete(renewed(name));
                    delete(proxyOf(name).name());
                    if (name.equals(String.valueOf(files.get(CURRENT)).strip())) {
                        delete(CURRENT.name());
                    }
                    return true;
                });
    }

    private void delete(String file) throws StateException {
        files.delete(Document.secret(file));
    }

    Path directory() {
        return directory;
    }
}
