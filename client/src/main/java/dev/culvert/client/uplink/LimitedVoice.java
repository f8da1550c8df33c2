package dev.culvert.client.uplink;

import dev.culvert.tunnel.limit.RateLimit;
import java.util.function.LongSupplier;

/** Says so many lines and then some a second, and of the others how many they were. One thread. */
public final class LimitedVoice implements Voice {
    private final Voice voice;
    private final RateLimit limit;
    private final LongSupplier nanoTime;

    /**
     * @param burst lines at once
     * @param nanoTime what {@link System#nanoTime} says
     */
    public LimitedVoice(Voice voice, int burst, double perSecond, LongSupplier nanoTime) {
        this.voice = voice;
        this.limit = new RateLimit(burst, perSecond, nanoTime.getAsLong());
        this.nanoTime = nanoTime;
    }

    @Override
    public void say(String line) {
        if (limit.takes(nanoTime.getAsLong())) {
            long more = limit.takeRefused();
            voice.say(more == 0 ? line : line + " (" + more + " lines before this were left out)");
        }
    }
}
