package dev.culvert.gateway.audit;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where the audit log's lines go. Used by the log's one thread. */
interface AuditSink {
    /**
     * Writes some whole lines, all or none.
     *
     * @throws IOException saying why not, for people; another try may succeed
     */
    void write(ByteBuffer lines) throws IOException;

    void close() throws IOException;
}
