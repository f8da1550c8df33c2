package dev.culvert.gateway.instance;

import dev.culvert.gateway.publish.Published;
import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.tunnel.limit.RecentMap;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What visitors are told of the instance that serves them, so that they are led there again: a keyed hash of the publication's place and
 * the instance. It says nothing of an agent, and holds nowhere else; who makes one up has none. From any thread.
 */
public final class InstanceMarks {
    private static final Logger log = LoggerFactory.getLogger(InstanceMarks.class);

    private static final Document KEY = Document.secret("instance-marks.key");
    private static final int KEY_BYTES = 32;

    /** Of the hash: what cannot be guessed, and is short in a cookie. */
    private static final int MARK_BYTES = 16;

    /** That are kept, so that a request costs no hashes. */
    private static final int MAX_KEPT = 4_096;

    private static final String ALGORITHM = "HmacSHA256";

    private record Marked(String at, String agent, String answerer) {}

    private final SecretKeySpec key;
    private final RecentMap<Marked, String> kept = new RecentMap<>(MAX_KEPT);

    InstanceMarks(byte[] key) {
        this.key = new SecretKeySpec(key, ALGORITHM);
    }

    /**
     * With the key that the store has, so that marks hold when this gateway has started again, and at others with the same store; it is
     * made if there is none. Where nothing can be written they hold as long as this process. Blocks.
     */
    public static InstanceMarks in(Store store) {
        byte[] fresh = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(fresh);
        try {
            store.update(KEY, before -> before == null ? Base64.getEncoder().encodeToString(fresh) : null);
            return new InstanceMarks(
                    Base64.getDecoder().decode(store.require(KEY).strip()));
        } catch (StateException | IllegalArgumentException e) {
            log.info("visitors with affinity will be led anew when this gateway has started again: {}", e.getMessage());
            return new InstanceMarks(fresh);
        }
    }

    /** Of an instance of a publication, by its answerer. */
    public String of(Published published, String answerer) {
        Marked marked = new Marked(published.publication().at().toString(), published.agent(), answerer);
        synchronized (kept) {
            return kept.get(marked, this::mark);
        }
    }

    private String mark(Marked marked) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            for (String part : new String[] {marked.at, marked.agent, marked.answerer}) {
                mac.update(part.getBytes(StandardCharsets.UTF_8));
                mac.update((byte) 0); // which none of them has
            }
            return Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOf(mac.doFinal(), MARK_BYTES));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has " + ALGORITHM, e);
        }
    }
}
