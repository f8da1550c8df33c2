package dev.culvert.gateway.publish;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An instance of a publication's agent, as lists show it.
 *
 * @param instance what it calls itself
 * @param state {@code draining}, or what looks at the target through it have found: {@code well}, {@code unwell} or {@code not
 *     checked}
 * @param since when that was found; null when nothing was
 * @param error why the last look failed; null when it did not
 * @param passedOver whether others go before it because connecting to the target has failed, or brought no answer; null when not
 */
public record PublishedInstance(
        String instance,
        String state,
        @Nullable Instant since,
        @Nullable String error,
        @Nullable Boolean passedOver) {}
