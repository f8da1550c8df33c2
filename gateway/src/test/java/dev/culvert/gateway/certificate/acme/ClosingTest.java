package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** A gateway that stops while its store is slow to answer. */
@NullUnmarked
final class ClosingTest {
    private static final long PATIENCE = 60;

    @TempDir
    Path dir;

    private final CompletableFuture<Thread> asking = new CompletableFuture<>();
    private volatile boolean silent;

    /** One that does not answer for a document. */
    private Store silentFor(String name) throws Exception {
        FileStore files = new FileStore(dir);
        return (Store) Proxy.newProxyInstance(
                Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
                    if (silent
                            && arguments != null
                            && arguments[0] instanceof Document document
                            && document.name().equals(name)) {
                        asking.complete(Thread.currentThread());
                        try {
                            TimeUnit.SECONDS.sleep(PATIENCE);
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                        throw new StateException("the store was not waited for");
                    }
                    try {
                        return method.invoke(files, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"acme.json", "acme-app.example.json"})
    void whatIsGivenUpThenIsNoError(String document) throws Exception {
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger("dev.culvert.gateway.certificate");
        log.start();
        logger.addAppender(log);
        AcmeCertificates certificates = new AcmeCertificates(
                silentFor(document),
                AcmeSettings.of(List.of(new Server(URI.create("https://ca.test/dir"), null, null, null)), true),
                Precheck.NONE,
                () -> Set.of("app.example"),
                Clock.systemUTC(),
                time -> {});
        try {
            silent = true;
            certificates.start();
            Thread thread = asking.get(PATIENCE, TimeUnit.SECONDS);
            certificates.close();
            thread.join(TimeUnit.SECONDS.toMillis(PATIENCE));
            assertThat(thread.isAlive()).isFalse();
        } finally {
            certificates.close();
            logger.detachAppender(log);
        }
        assertThat(log.list).noneMatch(event -> event.getLevel().isGreaterOrEqual(Level.WARN));
    }
}
