package dev.culvert.store;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A store in a directory: a file for each document, which is replaced as a whole, and one for each register, which lines are
 * added to. Several processes may use the directory at once, and people may read, copy and mend the files.
 */
public final class FileStore implements Store {
    private final StateFiles files;

    /** Touches nothing yet. */
    public FileStore(Path directory) {
        files = new StateFiles(directory, true);
    }

    /** Makes the directory if there is none. */
    public void createDirectory() throws StateException {
        files.createDirectory();
    }

    /** What somebody should change, one line each; an error for what no one should run with. */
    public List<String> checkPermissions(List<Document> secrets) throws StateException {
        return files.rights().check(secrets.stream().map(Document::name).toList());
    }

    /** Throws if another user may have written a secret, wherever the directory is. */
    public void requireOurs(Document secret) throws StateException {
        files.requireOurs(secret.name());
    }

    /** Whether only its owner may read and change what is there. */
    public boolean isPrivate(Document secret) throws StateException {
        try {
            return files.rights().isPrivate(secret.name());
        } catch (IOException e) {
            throw files.unreadable(secret.name(), e);
        }
    }

    @Override
    public @Nullable String get(Document document) throws StateException {
        return exists(document) ? files.readIfThere(document.name(), document.maxSize()) : null;
    }

    @Override
    public String require(Document document) throws StateException {
        return files.read(document.name(), document.maxSize());
    }

    @Override
    public boolean exists(Document document) {
        return files.exists(document.name());
    }

    @Override
    public void put(Document document, String text) throws StateException {
        files.write(document.name(), text, document.secret());
    }

    /** Takes it away, if it is there. */
    public void delete(Document document) throws StateException {
        files.delete(document.name());
    }

    @Override
    public boolean update(Document document, Change change) throws StateException {
        return files.locked(() -> {
            String next = change.of(get(document));
            if (next == null) {
                return false;
            }
            put(document, next);
            return true;
        });
    }

    /** Costs two stat(2), on file systems where a watch would see nothing (NFS) as well as on others. */
    @Override
    public @Nullable String version(Document document) throws StateException {
        FileStamp now = FileStamp.of(files.path(document.name()));
        return now == null ? null : now.version(Instant.now());
    }

    @Override
    public Register register(String name, Instant forget, Register.Check check) throws StateException {
        return FileRegister.open(files, name, forget, check);
    }

    @Override
    public List<String> documents() throws StateException {
        return files.names();
    }

    @Override
    public List<Register.Binding> bindings(String register) throws StateException {
        return FileRegister.read(files, register);
    }

    /** At once, whole or not at all. */
    @Override
    public void fill(String register, List<Register.Binding> bindings) throws StateException {
        files.write(register, FileRegister.text(bindings), true);
    }

    @Override
    public <T> T locked(Action<T> action) throws StateException {
        return files.locked(action);
    }

    @Override
    public @Nullable Closeable claim(String name) throws StateException {
        return files.claim("." + Document.open(name).name() + ".lock");
    }

    @Override
    public String where(Document document) {
        return files.path(document.name()).toString();
    }

    @Override
    public StateException corrupt(Document document, String what, Throwable cause) {
        return files.corrupt(document.name(), what, cause);
    }
}
