package dev.culvert.gateway.access;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is known of the policy file. What is null is not so: without a policy the tokens' grants alone decide.
 *
 * @param sha256 of the file that is in force, {@code since} when it is
 * @param error why the file as it is now is not in force, {@code errorSince} when that was found
 */
public record PolicyStatus(
        String file,
        @Nullable String sha256,
        @Nullable Instant since,
        @Nullable Integer grants,
        @Nullable Integer denies,
        @Nullable String error,
        @Nullable Instant errorSince) {}
