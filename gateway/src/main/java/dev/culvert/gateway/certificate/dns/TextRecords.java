package dev.culvert.gateway.certificate.dns;

import java.io.IOException;
import org.xbill.DNS.Name;

/** Whoever can change a zone's TXT records. Blocks; one thread's. */
interface TextRecords {
    /**
     * Adds a value to those that the name has; nothing happens to the others.
     *
     * @param zone which the name is in
     * @throws IOException with one line for people
     */
    void present(Name name, Name zone, String value) throws IOException, InterruptedException;

    /**
     * Takes the value away, and no other.
     *
     * @throws IOException with one line for people
     */
    void cleanUp(Name name, Name zone, String value) throws IOException, InterruptedException;
}
