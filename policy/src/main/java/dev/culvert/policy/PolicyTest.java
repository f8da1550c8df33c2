package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the file's author expects of it, and without which it is not loaded.
 *
 * @param line where it begins
 * @param client who asks; empty when only publishing is tested
 * @param agent through which agent, or which agent publishes
 * @param at when; null takes every condition of time as met, so that a test does not fail with the hour
 * @param allow flows that must be allowed
 * @param deny flows that must not be
 * @param mayPublish public names that the agent must be allowed to publish
 * @param mayNotPublish public names that it must not
 */
public record PolicyTest(
        int line,
        String client,
        String agent,
        @Nullable Instant at,
        List<Flow> allow,
        List<Flow> deny,
        List<HostPattern> mayPublish,
        List<HostPattern> mayNotPublish) {}
