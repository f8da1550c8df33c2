package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;

/**
 * An engine in memory that can be emptied, started anew from what it was some writings ago, and cut off from some of those who use it.
 * Nothing in it ends by itself. Of one thread.
 */
@NullUnmarked
final class MemoryEngine {
    private TreeMap<String, byte[]> values = new TreeMap<>();

    /** What it was after each writing. */
    private final List<TreeMap<String, byte[]>> before = new ArrayList<>();

    private int run = 1;

    /** One user's way to it. */
    Line line() {
        return new Line();
    }

    TreeMap<String, byte[]> values() {
        return values;
    }

    private void written() {
        before.add(new TreeMap<>(values));
    }

    /** It is started anew, and has lost its last writings. */
    void lose(int writings) {
        int at = before.size() - 1 - writings;
        values = at < 0 ? new TreeMap<>() : new TreeMap<>(before.get(at));
        before.subList(Math.max(0, at + 1), before.size()).clear();
        run++;
    }

    /** Somebody takes everything out while it runs. */
    void flush() {
        values.clear();
        written();
    }

    /** Somebody who needs no key writes past the counter. */
    void tamper(String key, byte @Nullable [] value) {
        if (value == null) {
            values.remove(key);
        } else {
            values.put(key, value);
        }
    }

    final class Line implements Engine {
        private boolean cut;
        private int session;
        private int seen;
        private int asked;

        /** How often it was asked for anything. */
        int asked() {
            return asked;
        }

        void cut(boolean now) {
            cut = now;
            seen = 0;
        }

        private void there() throws StateException {
            asked++;
            if (cut) {
                throw StateException.away("store memory: is away", new IllegalStateException("cut"));
            }
            if (seen != run) {
                seen = run;
                session++;
            }
        }

        @Override
        public String where() {
            return "memory:";
        }

        @Override
        public long session() {
            // As with a real one, a connection that was lost is made anew without being asked.
            if (!cut && seen != run) {
                seen = run;
                session++;
            }
            return session;
        }

        @Override
        public String run() throws StateException {
            there();
            return "run" + run;
        }

        @Override
        public byte[] read(String key, int most) throws StateException {
            there();
            byte[] value = values.getOrDefault(key, new byte[0]);
            return Arrays.copyOf(value, Math.min(most, value.length));
        }

        private boolean begins(String key, byte[] expected) {
            byte[] value = values.get(key);
            return expected.length == 0
                    ? value == null || value.length == 0
                    : value != null
                            && value.length >= expected.length
                            && Arrays.equals(Arrays.copyOf(value, expected.length), expected);
        }

        @Override
        public Written write(
                String key,
                byte[] expected,
                byte[] value,
                String turn,
                @Nullable String token,
                List<Hold> names,
                String counter)
                throws StateException {
            there();
            byte[] now = values.get(turn);
            if (now != null && !Arrays.equals(now, bytes(Objects.requireNonNullElse(token, "")))) {
                return Written.NOT_NOW;
            }
            if (now == null && token != null) {
                return Written.LOST;
            }
            if (names.stream().anyMatch(name -> !Arrays.equals(values.get(name.key()), bytes(name.token())))) {
                return Written.LOST;
            }
            if (!begins(key, expected)) {
                return Written.CHANGED;
            }
            values.put(key, value);
            count(counter, 1);
            written();
            return Written.YES;
        }

        private static byte[] bytes(String text) {
            return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        }

        private void count(String counter, int more) {
            byte[] value = values.get(counter);
            long now = value == null ? 0 : Long.parseLong(new String(value, java.nio.charset.StandardCharsets.UTF_8));
            values.put(counter, bytes(String.valueOf(now + more)));
        }

        @Override
        public byte @Nullable [] bind(String key, byte[] value, Duration life, String mark, byte[] says, String counter)
                throws StateException {
            there();
            if (!Arrays.equals(values.get(mark), says)) {
                return null;
            }
            if (values.putIfAbsent(key, value) == null) {
                count(counter, 1);
                written();
            }
            return values.get(key);
        }

        @Override
        public boolean put(String key, byte[] value) throws StateException {
            there();
            if (values.putIfAbsent(key, value) != null) {
                return false;
            }
            written();
            return true;
        }

        @Override
        public long count(String counter) throws StateException {
            there();
            byte[] value = values.get(counter);
            return value == null ? 0 : Long.parseLong(new String(value, java.nio.charset.StandardCharsets.UTF_8));
        }

        @Override
        public List<String> keys(String prefix) throws StateException {
            there();
            return values.keySet().stream()
                    .filter(key -> key.startsWith(prefix))
                    .toList();
        }

        @Override
        public boolean take(Hold name, Duration life) throws StateException {
            there();
            return values.putIfAbsent(name.key(), bytes(name.token())) == null;
        }

        @Override
        public boolean keep(Hold name, Duration life) throws StateException {
            there();
            return Arrays.equals(values.get(name.key()), bytes(name.token()));
        }

        @Override
        public void release(Hold name) throws StateException {
            if (keep(name, Duration.ZERO)) {
                values.remove(name.key());
            }
        }

        @Override
        public void lease(String key, byte[] value, Duration life) throws StateException {
            there();
            values.put(key, value);
        }

        @Override
        public boolean prolong(String key, byte[] begins, Duration life) throws StateException {
            there();
            return begins(key, begins);
        }

        @Override
        public void close() {}
    }
}
