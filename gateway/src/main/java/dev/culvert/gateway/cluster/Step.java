package dev.culvert.gateway.cluster;

import dev.culvert.store.StateException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is done again and again, with what is wrong with it: the log hears of that once. Run on one thread. */
final class Step {
    private static final Logger log = LoggerFactory.getLogger(Step.class);

    interface Action {
        void run() throws StateException;
    }

    private final String outcome;
    private final Action action;
    private volatile @Nullable String trouble;

    /** @param outcome of an error, for people */
    Step(String outcome, Action action) {
        this.outcome = outcome;
        this.action = action;
    }

    /** @return whether it was done; never throws, which would end a schedule for good */
    boolean run() {
        try {
            action.run();
        } catch (StateException | RuntimeException | Error e) {
            String why = String.valueOf(e.getMessage());
            if (!why.equals(trouble)) {
                trouble = why;
                log.warn("{}: {}", outcome, why);
            }
            return false;
        }
        if (trouble != null) {
            trouble = null;
            log.info("no longer so: {}", outcome);
        }
        return true;
    }

    /** Why it was not done the last time; null when it was. From any thread. */
    @Nullable
    String trouble() {
        return trouble;
    }
}
