package dev.culvert.gateway.access;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is known of the policy. What is null is not so: without a policy the tokens' grants alone decide.
 *
 * @param file which, or where on the store
 * @param version as it was pushed to the store; null of a file
 * @param sha256 of the file that is in force, {@code since} when it is
 * @param error why the file as it is now is not in force, {@code errorSince} when that was found
 */
public record PolicyStatus(
        String file,
        @Nullable String sha256,
        @Nullable Long version,
        @Nullable Instant since,
        @Nullable Integer grants,
        @Nullable Integer denies,
        @Nullable String error,
        @Nullable Instant errorSince) {}
