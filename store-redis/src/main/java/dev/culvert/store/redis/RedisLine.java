package dev.culvert.store.redis;

import dev.culvert.store.StateException;
import dev.culvert.store.cluster.StoreAddress;
import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.MaintNotificationsConfig;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.SslOptions;
import io.lettuce.core.SslVerifyMode;
import io.lettuce.core.StaticCredentialsProvider;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.DefaultClientResources;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The one connection to a Redis, and what becomes of it. It is made when it is first needed; once it is lost, or an answer did not
 * come in time, everybody hears at once that the store is away, and a thread of its own looks for it again. The client library
 * makes no connection by itself, for it would send again what may have been done.
 */
final class RedisLine implements Closeable {
    /** To connect, and for each answer, which takes a millisecond: also for a machine that freezes. Waited for once, then it is away. */
    static final Duration PATIENCE = Duration.ofSeconds(10);

    /** When it is looked for first after it went away, and at the most seldom. */
    private static final Duration FIRST_LOOK = Duration.ofMillis(250);

    private static final Duration LAST_LOOK = Duration.ofSeconds(5);

    /** Commands that wait for an answer: one for each thread that asks; a gateway has a handful. */
    private static final int MAX_WAITING = 1_000;

    /** The library's own: one socket needs no more. */
    private static final int THREADS = 2;

    /** Which call failed, and with what number, in front of the system's words. */
    private static final Pattern CALL = Pattern.compile("^[a-zA-Z]+\\(\\.\\.\\) failed with error\\(-?\\d+\\): ");

    private final String where;
    private final ClientResources resources;
    private final RedisClient client;
    private final RedisURI uri;
    private final ScheduledExecutorService looker = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "store-redis");
        thread.setDaemon(true);
        return thread;
    });

    // Guarded by this.
    private @Nullable Connected connected;
    private @Nullable StateException away;
    private Duration nextLook = FIRST_LOOK;
    private boolean closed;

    private volatile long session;

    /** A connection that was made. */
    record Connected(StatefulRedisConnection<String, byte[]> connection) {}

    RedisLine(StoreAddress address) throws StateException {
        this.where = address.toString();
        this.uri = uri(address);
        SslOptions.Builder tls = SslOptions.builder().jdkSslProvider();
        Path authority = address.authority();
        if (authority != null) {
            tls.trustManager(certificates(authority).toFile());
        }
        this.resources = DefaultClientResources.builder()
                .ioThreadPoolSize(THREADS)
                .computationThreadPoolSize(THREADS)
                .build();
        this.client = RedisClient.create(resources);
        client.setOptions(ClientOptions.builder()
                .autoReconnect(false)
                .protocolVersion(ProtocolVersion.RESP2)
                .maintNotificationsConfig(MaintNotificationsConfig.disabled()) // by which it could send us elsewhere
                .requestQueueSize(MAX_WAITING)
                .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                .timeoutOptions(TimeoutOptions.enabled(PATIENCE))
                .socketOptions(SocketOptions.builder()
                        .connectTimeout(PATIENCE)
                        .keepAlive(true)
                        .build())
                .sslOptions(tls.build())
                .build());
    }

    /** The same file: what is wrong with it is said when it is named, not at each connection. */
    private Path certificates(Path file) throws StateException {
        boolean some;
        try (InputStream in = Files.newInputStream(file)) {
            some = !CertificateFactory.getInstance("X.509")
                    .generateCertificates(in)
                    .isEmpty();
        } catch (IOException e) {
            throw new StateException(
                    "store " + where + ": " + file + " of --store-ca cannot be read: " + FileError.reason(e), e);
        } catch (CertificateException e) {
            some = false;
        }
        if (!some) {
            throw new StateException("store " + where + ": " + file + " of --store-ca holds no certificate in PEM: give"
                    + " the one that its own is signed by");
        }
        return file;
    }

    private static RedisURI uri(StoreAddress address) {
        RedisURI uri = new RedisURI();
        if (address.isSocket()) {
            uri.setSocket(address.path());
        } else if (address.isBehindSentinels()) {
            uri.setSentinelMasterId(address.path());
            for (StoreAddress.HostPort sentinel : address.hosts()) {
                RedisURI one = RedisURI.create(sentinel.host(), sentinel.port());
                secure(one, address);
                credentials(one, null, address.sentinelPassword());
                uri.getSentinels().add(one);
            }
        } else {
            uri.setHost(address.hosts().get(0).host());
            uri.setPort(address.hosts().get(0).port());
        }
        secure(uri, address);
        uri.setDatabase(address.database());
        credentials(uri, address.user(), address.password());
        return uri;
    }

    private static void credentials(RedisURI uri, @Nullable String user, char @Nullable [] password) {
        if (password != null) {
            uri.setCredentialsProvider(new StaticCredentialsProvider(user, password));
        }
    }

    private static void secure(RedisURI uri, StoreAddress address) {
        uri.setTimeout(PATIENCE);
        uri.setSsl(address.isTls());
        uri.setVerifyPeer(SslVerifyMode.FULL);
    }

    /** Counts the connections that were made. */
    long session() {
        return session;
    }

    /** The connection. Who asks first makes it; once it was lost, this says at once that it is. */
    synchronized Connected connected() throws StateException {
        Connected now = connected;
        if (now != null && now.connection.isOpen()) {
            return now;
        }
        if (now != null) {
            throw lost(now, new RedisException("the connection was closed"));
        }
        StateException known = away;
        if (known != null) {
            throw StateException.away(String.valueOf(known.getMessage()), known);
        }
        try {
            return begun(connect());
        } catch (RedisException e) {
            throw missing(e);
        }
    }

    private StatefulRedisConnection<String, byte[]> connect() {
        return client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE), uri);
    }

    private Connected begun(StatefulRedisConnection<String, byte[]> connection) {
        Connected now = new Connected(connection);
        session++;
        connected = now;
        away = null;
        nextLook = FIRST_LOOK;
        return now;
    }

    /** It did not answer in time, or has gone: what is on its way is not waited for. */
    synchronized StateException lost(Connected lost, RedisException why) {
        if (connected != lost) {
            return said(why); // somebody has noticed before
        }
        connected = null;
        lost.connection.closeAsync();
        return missing(why);
    }

    private StateException missing(RedisException why) {
        // While it is away it is so for the reason that was first: whoever logs it logs it once.
        StateException known = away;
        StateException said = known == null ? said(why) : known;
        away = said;
        if (!closed) {
            Duration pause = nextLook;
            Duration doubled = pause.multipliedBy(2);
            nextLook = doubled.compareTo(LAST_LOOK) < 0 ? doubled : LAST_LOOK;
            // Gateways that lost it together do not come back together.
            long spread = ThreadLocalRandom.current().nextLong(pause.toMillis() / 2 + 1);
            try {
                looker.schedule(this::look, pause.toMillis() / 2 + spread, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                return said; // closing
            }
        }
        return said;
    }

    private void look() {
        StatefulRedisConnection<String, byte[]> made;
        try {
            made = connect();
        } catch (RuntimeException | Error e) { // whatever it is: nobody else looks again
            synchronized (this) {
                missing(e instanceof RedisException known ? known : new RedisException(e));
            }
            return;
        }
        synchronized (this) {
            if (closed) {
                made.closeAsync();
                return;
            }
            begun(made);
        }
    }

    private StateException said(RedisException why) {
        Throwable root = why;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        String reason = root instanceof RedisCommandTimeoutException
                ? "no answer in " + PATIENCE.toSeconds() + " s"
                : root instanceof IOException io ? FileError.reason(io) : String.valueOf(root.getMessage());
        return StateException.away(
                "store " + where + " is away ("
                        + Printable.shorten(CALL.matcher(reason).replaceFirst(""))
                        + "): is it running, reachable from here, "
                        + (uri.isSsl() ? "is its certificate of this name and trusted (--store-ca), " : "")
                        + "and are user and password right?",
                why);
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            connected = null;
            away = StateException.away("store " + where + " was closed", new IllegalStateException("closed"));
        }
        looker.shutdownNow();
        client.shutdown(Duration.ZERO, PATIENCE);
        resources.shutdown(0, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }
}
