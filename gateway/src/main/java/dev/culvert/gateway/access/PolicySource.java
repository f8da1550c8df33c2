package dev.culvert.gateway.access;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.store.FileStamp;
import dev.culvert.store.StateException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Where the policy is kept. Blocks. */
public interface PolicySource {
    /** What it is at some time; equal to another of the same, unless it was written so soon that nobody could tell. */
    interface Stamp {
        /** To compare where it is read as soon as it is another: see {@link FileStamp#version}. */
        String version(Instant now);
    }

    /** For people. */
    String where();

    /** What it is now; null when there is none. */
    @Nullable
    Stamp stamp() throws StateException;

    /** Whether nobody can come upon one half of which is written. */
    boolean isWhole();

    /**
     * Reads it, checks it and runs its tests.
     *
     * @throws PolicyFile.WrongException when it is wrong, with one line for people
     * @throws IOException when it cannot be read, likewise
     */
    PolicyFile.Loaded load(SensitiveAddresses sensitive) throws IOException;

    /** A file. */
    static PolicySource of(Path file) {
        return new PolicySource() {
            @Override
            public String where() {
                return file.toString();
            }

            @Override
            public @Nullable Stamp stamp() throws StateException {
                FileStamp now = FileStamp.of(file);
                return now == null ? null : new Stamped(now);
            }

            @Override
            public boolean isWhole() {
                return false;
            }

            @Override
            public PolicyFile.Loaded load(SensitiveAddresses sensitive) throws IOException {
                return PolicyFile.load(file, sensitive);
            }
        };
    }

    /** A file's. */
    record Stamped(FileStamp stamp) implements Stamp {
        @Override
        public String version(Instant now) {
            return stamp.version(now);
        }
    }
}
