package dev.culvert.token.holder;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/** Reads a token once, however often it is asked for: standard input, and a pipe, have it one time. One thread. */
public final class HolderSource implements Callable<HolderOptions.Holder> {
    private final Callable<HolderOptions.Holder> source;
    private HolderOptions.@Nullable Holder read;

    /** @param source reads it */
    public HolderSource(Callable<HolderOptions.Holder> source) {
        this.source = source;
    }

    @Override
    public HolderOptions.Holder call() throws Exception {
        HolderOptions.Holder holder = read;
        if (holder == null) {
            holder = source.call();
            read = holder;
        }
        return holder;
    }
}
