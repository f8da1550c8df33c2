/**
 * Timers for code that runs on one event loop and arms a timer for almost every packet.
 *
 * <p>Thread rule: a {@link dev.culvert.stack.time.TimerWheel} belongs to one event loop and is touched by no other thread.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.stack.time;
