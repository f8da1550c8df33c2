package dev.culvert.gateway.certificate.acme;

import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A certificate authority, step by step, so that what must outlive a crash can be written between two steps. Each may be done
 * again, by another process too. All block; on the thread of the work, one at a time.
 */
interface Authority {
    /** The URL of its directory, by which people and files know it. */
    String directory();

    /**
     * Orders a certificate.
     *
     * @param replaces the certificate that the new one is for, if this authority made it
     * @return the order's URL
     */
    String order(String name, @Nullable X509Certificate replaces) throws Refusal, InterruptedException;

    /**
     * Proves that the order's name is ours, as far as that has not been done.
     *
     * @param turn counts the failures so far: a way of proving that failed is followed by the next
     * @param pointsHere whether the name leads to this gateway, as far as is known; else only the DNS can prove it
     */
    void prove(String order, PublishedChallenges published, int turn, boolean pointsHere)
            throws Refusal, InterruptedException;

    /** Has the certificate made for the key, and fetches it. */
    List<X509Certificate> finish(String order, KeyPair key) throws Refusal, InterruptedException;

    /**
     * When it wants a certificate of its own to be renewed.
     *
     * @return null if it has no opinion
     */
    @Nullable
    RenewalWindow window(X509Certificate leaf) throws Refusal, InterruptedException;
}
