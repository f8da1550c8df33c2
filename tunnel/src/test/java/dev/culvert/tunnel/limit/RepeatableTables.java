package dev.culvert.tunnel.limit;

import java.util.function.LongSupplier;

/** Has tables of ids lie as a seed says until it is closed: what a simulation does must happen again as it did. */
public final class RepeatableTables implements AutoCloseable {
    private final LongSupplier before = IdTable.secrets;

    public RepeatableTables(LongSupplier secrets) {
        IdTable.secrets = secrets;
    }

    @Override
    public void close() {
        IdTable.secrets = before;
    }
}
