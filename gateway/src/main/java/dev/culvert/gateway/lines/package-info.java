/**
 * Lines that are written off the event loops: a {@link dev.culvert.gateway.lines.LineQueue} for each file takes records from any thread,
 * never blocking it, and a {@link dev.culvert.gateway.lines.LineThread} writes those of one or more queues. Knows nothing of what the
 * lines say.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.lines;
