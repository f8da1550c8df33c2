package dev.culvert.gateway.lines;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where lines go. Used by one thread, which it may block. */
public interface LineSink {
    /**
     * Writes some whole lines, all or none.
     *
     * @throws IOException saying why not, for people; another try may succeed
     */
    void write(ByteBuffer lines) throws IOException;

    void close() throws IOException;
}
