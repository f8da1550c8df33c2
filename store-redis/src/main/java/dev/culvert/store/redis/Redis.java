package dev.culvert.store.redis;

import dev.culvert.store.StateException;
import dev.culvert.store.cluster.Engine;
import dev.culvert.store.cluster.StoreAddress;
import dev.culvert.text.Printable;
import io.lettuce.core.KeyScanCursor;
import io.lettuce.core.LettuceFutures;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.ScanArgs;
import io.lettuce.core.ScanCursor;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.api.sync.RedisCommands;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An engine on Redis or Valkey, by plain commands: GET, GETRANGE, SET, SCAN, and five scripts for what is one step. What its user
 * may do: {@code +@read +@write +eval +ping +select +info ~culvert/*}.
 */
final class Redis implements Engine {
    /** KEYS: what is written, the turn, the counter, names. ARGV: what is expected, the value, our turn's word, names' words. */
    private static final String WRITE = "local turn = redis.call('GET', KEYS[2]) "
            + "if turn and turn ~= ARGV[3] then return 'NOT_NOW' end "
            + "if not turn and ARGV[3] ~= '' then return 'LOST' end "
            + "for i = 4, #KEYS do if redis.call('GET', KEYS[i]) ~= ARGV[i] then return 'LOST' end end "
            + "local now = '' "
            + "if #ARGV[1] > 0 then now = redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) "
            + "elseif redis.call('STRLEN', KEYS[1]) > 0 then return 'CHANGED' end "
            + "if now ~= ARGV[1] then return 'CHANGED' end "
            + "redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') "
            + "redis.call('INCR', KEYS[3]) "
            + "return 'YES'";

    /** KEYS: what is bound, the mark, the counter. ARGV: the value, its life in ms, what the mark says. */
    private static final String BIND = "if redis.call('GET', KEYS[2]) ~= ARGV[3] then return false end "
            + "local now = redis.call('GET', KEYS[1]) "
            + "if now and #now > 0 then return now end "
            + "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) "
            + "redis.call('INCR', KEYS[3]) "
            + "return ARGV[1]";

    private static final String KEEP =
            "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";

    /** PEXPIRE by 0 deletes. */
    private static final String PROLONG = "if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] "
            + "then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";

    private static final String RELEASE =
            "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

    private static final Pattern RUN = Pattern.compile("(?m)^run_id:([0-9A-Za-z-]{1,64})\\r?$");

    /** Keys that one answer of SCAN may hold, more or less: they are looked through while others wait. */
    private static final int SCANNED = 1_000;

    /** Of a script that gives one of some words, or a number. */
    private static final String NO_ANSWER = "its answer is none that there is: is it a Redis?";

    /** Tokens that enrolled, and as many again that one answer repeats; a place with more is none of ours. */
    private static final int MAX_KEYS = 1_000_000;

    private final RedisLine line;
    private final String where;

    Redis(StoreAddress address) throws StateException {
        this.where = address.toString();
        this.line = new RedisLine(address);
    }

    private interface Command<T> {
        T run(RedisCommands<String, byte[]> redis);
    }

    private <T> T ask(Command<T> command) throws StateException {
        return over(connection -> command.run(connection.sync()));
    }

    private <T> T over(Function<StatefulRedisConnection<String, byte[]>, T> command) throws StateException {
        RedisLine.Connected connected = line.connected();
        try {
            return command.apply(connected.connection());
        } catch (RedisCommandExecutionException e) {
            throw refused(connected, e);
        } catch (RedisException e) {
            throw line.lost(connected, e);
        } catch (UnsupportedOperationException | ClassCastException e) { // of another type than was asked for
            throw line.lost(connected, new RedisException(NO_ANSWER, e));
        }
    }

    /** It answered, and does not do it. */
    private StateException refused(RedisLine.Connected connected, RedisCommandExecutionException e) {
        String why = String.valueOf(e.getMessage());
        String first = why.toUpperCase(Locale.ROOT);
        for (String full : List.of("OOM ", "MISCONF", "NOREPLICAS")) {
            if (first.contains(full)) {
                return StateException.away(
                        "store " + where + " takes no writings (" + Printable.shorten(why)
                                + "): see to its memory, its disk and its replicas; nothing was written",
                        e);
            }
        }
        for (String gone : List.of("READONLY", "LOADING", "MASTERDOWN", "UNKILLABLE", "BUSY ")) {
            if (first.contains(gone)) {
                return line.lost(connected, e);
            }
        }
        return StateException.away(
                "store " + where + " refuses us (" + Printable.shorten(why)
                        + "): give its user and password, and let that user read, write and run scripts on keys"
                        + " culvert/*, and INFO",
                e);
    }

    @Override
    public String where() {
        return where;
    }

    @Override
    public long session() {
        return line.session();
    }

    @Override
    public String run() throws StateException {
        Matcher run = RUN.matcher(ask(redis -> redis.info("server")));
        if (!run.find()) {
            throw StateException.away(
                    "store " + where
                            + " does not say which run of it this is (run_id of INFO server): is it a Redis or a"
                            + " Valkey?",
                    new IllegalStateException("run_id"));
        }
        return run.group(1);
    }

    @Override
    public byte[] read(String key, int most) throws StateException {
        byte[] bytes = ask(redis -> redis.getrange(key, 0, most - 1));
        return bytes == null ? new byte[0] : bytes;
    }

    @Override
    public List<byte[]> read(List<String> keys, int most) throws StateException {
        return over(connection -> {
            RedisAsyncCommands<String, byte[]> all = connection.async();
            List<RedisFuture<byte[]>> asked =
                    keys.stream().map(key -> all.getrange(key, 0, most - 1)).toList();
            List<byte[]> answers = new ArrayList<>();
            for (RedisFuture<byte[]> one : asked) {
                byte[] bytes = LettuceFutures.awaitOrCancel(one, RedisLine.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
                answers.add(bytes == null ? new byte[0] : bytes);
            }
            return answers;
        });
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private byte @Nullable [] script(String script, List<String> keys, List<byte[]> values) throws StateException {
        return ask(redis -> redis.<byte[]>eval(
                script, ScriptOutputType.VALUE, keys.toArray(String[]::new), values.toArray(byte[][]::new)));
    }

    /** Whether a script found at the key what was to be there. */
    private boolean holds(String script, String key, byte[]... values) throws StateException {
        return ask(redis -> {
            Long answer = redis.eval(script, ScriptOutputType.INTEGER, new String[] {key}, values);
            if (answer == null) {
                throw new RedisException(NO_ANSWER);
            }
            return answer == 1;
        });
    }

    private static byte[] millis(Duration life) {
        return bytes(String.valueOf(life.toMillis()));
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
        List<String> keys = new ArrayList<>(List.of(key, turn, counter));
        List<byte[]> values = new ArrayList<>(List.of(expected, value, bytes(token == null ? "" : token)));
        names.forEach(name -> {
            keys.add(name.key());
            values.add(bytes(name.token()));
        });
        return ask(redis -> {
            byte[] answer = redis.eval(
                    WRITE, ScriptOutputType.VALUE, keys.toArray(String[]::new), values.toArray(byte[][]::new));
            String said = answer == null ? "" : new String(answer, StandardCharsets.US_ASCII);
            return Arrays.stream(Written.values())
                    .filter(written -> written.name().equals(said))
                    .findFirst()
                    .orElseThrow(() -> new RedisException(NO_ANSWER));
        });
    }

    @Override
    public byte @Nullable [] bind(String key, byte[] value, Duration life, String mark, byte[] says, String counter)
            throws StateException {
        return script(BIND, List.of(key, mark, counter), List.of(value, millis(life), says));
    }

    @Override
    public boolean put(String key, byte[] value) throws StateException {
        return ask(redis -> "OK".equals(redis.set(key, value, SetArgs.Builder.nx())));
    }

    @Override
    public long count(String counter) throws StateException {
        byte[] text = ask(redis -> redis.get(counter));
        try {
            return text == null ? 0 : Long.parseLong(new String(text, StandardCharsets.US_ASCII));
        } catch (NumberFormatException e) {
            throw new StateException("store " + where + ": " + counter + " is no number: delete it", e);
        }
    }

    @Override
    public List<String> keys(String prefix) throws StateException {
        ScanArgs args = ScanArgs.Builder.limit(SCANNED).match(prefix + "*");
        List<String> all = new ArrayList<>();
        ScanCursor cursor = ScanCursor.INITIAL;
        while (!cursor.isFinished()) {
            ScanCursor from = cursor;
            KeyScanCursor<String> next = ask(redis -> redis.scan(from, args));
            all.addAll(next.getKeys());
            if (all.size() > MAX_KEYS) {
                throw new StateException("store " + where + " holds more than " + MAX_KEYS + " names that begin with "
                        + prefix + ": somebody fills it; find out who can, and restore it from a copy");
            }
            cursor = next;
        }
        return all.stream().distinct().toList();
    }

    @Override
    public boolean take(Hold name, Duration life) throws StateException {
        return "OK"
                .equals(ask(redis -> redis.set(
                        name.key(), bytes(name.token()), SetArgs.Builder.nx().px(life.toMillis()))));
    }

    @Override
    public boolean keep(Hold name, Duration life) throws StateException {
        return holds(KEEP, name.key(), bytes(name.token()), millis(life));
    }

    @Override
    public void release(Hold name) throws StateException {
        holds(RELEASE, name.key(), bytes(name.token()));
    }

    @Override
    public void lease(String key, byte[] value, Duration life) throws StateException {
        ask(redis -> redis.set(key, value, SetArgs.Builder.px(life.toMillis())));
    }

    @Override
    public boolean prolong(String key, byte[] begins, Duration life) throws StateException {
        return holds(PROLONG, key, begins, millis(life));
    }

    @Override
    public void close() {
        line.close();
    }
}
