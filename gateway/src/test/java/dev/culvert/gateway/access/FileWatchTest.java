package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What is said of files that cannot be read: once, and once when it is over. */
@NullUnmarked
final class FileWatchTest {
    private static final String AWAY = "store redis://db.example:6379/0 is away";
    private static final String AGAIN = "what could not be read before can be read again";

    private final Logger logger = (Logger) LoggerFactory.getLogger(FileWatch.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final FileWatch watch = new FileWatch();
    private final Watched revocations = new Watched();
    private final Watched keys = new Watched();
    private final Watched drained = new Watched();

    /** One whose next looks come to what the test says. */
    private static final class Watched implements FileWatch.Watched {
        private @Nullable String trouble;
        private int changes;

        @Override
        public boolean refresh() throws IOException {
            if (trouble != null) {
                throw new IOException(trouble);
            }
            return true;
        }
    }

    @BeforeEach
    void listen() {
        log.start();
        logger.setLevel(Level.INFO);
        logger.addAppender(log);
    }

    @AfterEach
    void end() {
        logger.detachAppender(log);
        logger.setLevel(null);
        watch.close();
    }

    private void round() {
        for (Watched file : List.of(revocations, keys, drained)) {
            watch.look(file, () -> file.changes++);
        }
    }

    private List<String> said() {
        List<String> lines =
                log.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
        log.list.clear();
        return lines;
    }

    @Test
    void whatKeepsSeveralFromBeingReadIsSaidOnceAndOnceThatItIsOver() {
        revocations.trouble = keys.trouble = drained.trouble = AWAY;
        round();
        round();
        assertThat(said()).containsExactly(AWAY);
        revocations.trouble = null;
        round();
        assertThat(said()).isEmpty();
        keys.trouble = drained.trouble = null;
        round();
        assertThat(said()).containsExactly(AGAIN);
        assertThat(List.of(revocations.changes, keys.changes, drained.changes)).containsExactly(2, 1, 1);
        revocations.trouble = AWAY;
        round();
        assertThat(said()).containsExactly(AWAY);
    }

    @Test
    void anotherTroubleIsSaidToo() {
        revocations.trouble = AWAY;
        keys.trouble = "signing.pub is malformed";
        round();
        assertThat(said()).containsExactly(AWAY, "signing.pub is malformed");
        revocations.trouble = "revoked.jsonl is malformed";
        keys.trouble = null;
        round();
        assertThat(said()).containsExactly("revoked.jsonl is malformed", AGAIN);
    }
}
