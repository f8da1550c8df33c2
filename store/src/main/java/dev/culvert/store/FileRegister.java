package dev.culvert.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A register in a file, a line a key:
 *
 * <pre>
 * KEY VALUE EXPIRY-IN-EPOCH-SECONDS
 * </pre>
 *
 * A line is on disk before {@link #bind} returns. Lines are only added, under the directory's lock, so that of two values one is
 * first even when two processes share the directory; a line cut by a crash is dropped and overwritten. Opening leaves out what
 * has expired.
 */
final class FileRegister implements Register {
    /** A million of the longest that there are; a bigger file is none of ours. */
    private static final int MAX_SIZE = 128 << 20;

    private final StateFiles files;
    private final String name;
    private final Check check;
    private final Map<String, String> bound = new HashMap<>();

    /** How much of the file has been read: up to the end of its last whole line. */
    private long read;

    /**
     * The line that ends there. No key has two lines and compaction only leaves lines out, so that while this one is in its
     * place, so is all that was read; an inode would not tell, for its number is soon given to another file.
     */
    private byte[] last = {};

    private FileRegister(StateFiles files, String name, Check check) {
        this.files = files;
        this.name = name;
        this.check = check;
    }

    static FileRegister open(StateFiles files, String name, Instant forget, Check check) throws StateException {
        FileRegister register = new FileRegister(files, name, check);
        // Where nothing was bound nothing need be written: the directory may be read-only, as in a container.
        if (files.exists(name)) {
            files.locked(() -> {
                register.compact(forget);
                return true;
            });
        }
        return register;
    }

    /** All lines of a register's file. */
    static List<Binding> read(StateFiles files, String name) throws StateException {
        String text = files.readIfThere(name, MAX_SIZE);
        List<Binding> all = new ArrayList<>();
        if (text != null) {
            try {
                text.substring(0, text.lastIndexOf('\n') + 1).lines().forEach(line -> {
                    String[] parts = line.split(" ", -1);
                    Register.requireWords(parts[0], parts[1]);
                    all.add(new Binding(parts[0], parts[1], Instant.ofEpochSecond(Long.parseLong(parts[2]))));
                });
            } catch (RuntimeException e) {
                throw files.corrupt(name, "holds something else than " + name, e);
            }
        }
        return all;
    }

    /** The lines of a file. */
    static String text(List<Binding> bindings) {
        StringBuilder text = new StringBuilder();
        bindings.forEach(one -> text.append(line(one.key(), one.value(), one.expires())));
        return text.toString();
    }

    private static String line(String key, String value, Instant expires) {
        return key + ' ' + value + ' ' + expires.getEpochSecond() + '\n';
    }

    @Override
    public synchronized String bind(String key, String value, Instant expires) throws StateException {
        require(key, value);
        String known = bound.get(key);
        if (known != null) {
            return known;
        }
        return files.locked(() -> {
            try (FileChannel file = open()) {
                readOn(file);
                String first = bound.get(key);
                if (first != null) {
                    return first;
                }
                append(file, line(key, value, expires));
                bound.put(key, value);
                return value;
            } catch (IOException e) {
                throw files.unwritable(name, e);
            }
        });
    }

    @Override
    public synchronized @Nullable String get(String key) throws StateException {
        String known = bound.get(key);
        if (known != null) {
            return known;
        }
        files.locked(() -> {
            try (FileChannel file = open()) {
                readOn(file);
                return true;
            } catch (IOException e) {
                throw files.unwritable(name, e);
            }
        });
        return bound.get(key);
    }

    private FileChannel open() throws IOException {
        return files.open(name, Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
    }

    private void append(FileChannel file, String text) throws IOException {
        file.truncate(read); // the rest of a line that a crash has cut
        byte[] line = ascii(text);
        ByteBuffer bytes = ByteBuffer.wrap(line);
        long at = read;
        while (bytes.hasRemaining()) {
            at += file.write(bytes, at);
        }
        file.force(true);
        read = at;
        last = line;
    }

    private void compact(Instant forget) throws StateException {
        try (FileChannel file = open()) {
            String text = rest(file);
            StringBuilder kept = new StringBuilder();
            text.lines().forEach(line -> {
                String[] parts = line.split(" ", -1);
                if (forget.isBefore(Instant.ofEpochSecond(Long.parseLong(parts[2])))) {
                    kept.append(line).append('\n');
                }
            });
            if (kept.length() != text.length()) {
                files.write(name, kept.toString(), true);
            }
            keep(kept.toString());
        } catch (IOException | RuntimeException e) {
            throw files.corrupt(name, "cannot be read", e);
        }
    }

    private void readOn(FileChannel file) throws IOException, StateException {
        if (!lastIsInItsPlace(file)) {
            read = 0; // another process has left out what has expired
            last = new byte[0];
        }
        try {
            keep(rest(file));
        } catch (RuntimeException e) {
            throw files.corrupt(name, "holds something else than " + name, e);
        }
    }

    private boolean lastIsInItsPlace(FileChannel file) throws IOException {
        return file.size() >= read && Arrays.equals(bytes(file, read - last.length, last.length), last);
    }

    /** Whole lines behind what has been read. */
    private String rest(FileChannel file) throws IOException {
        long length = file.size() - read;
        if (length > MAX_SIZE) {
            throw new IOException(length + " bytes");
        }
        String text = new String(bytes(file, read, (int) length), StandardCharsets.US_ASCII);
        return text.substring(0, text.lastIndexOf('\n') + 1);
    }

    private static byte[] bytes(FileChannel file, long from, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        long at = from;
        for (int n; bytes.hasRemaining() && (n = file.read(bytes, at)) >= 0; at += n) {}
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    private void keep(String lines) {
        lines.lines().forEach(line -> {
            String[] parts = line.split(" ", -1);
            require(parts[0], parts[1]);
            bound.putIfAbsent(parts[0], parts[1]);
        });
        read += lines.length();
        if (!lines.isEmpty()) {
            last = ascii(lines.substring(lines.lastIndexOf('\n', lines.length() - 2) + 1));
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private void require(String key, String value) {
        Register.requireWords(key, value);
        check.require(key, value);
    }
}
