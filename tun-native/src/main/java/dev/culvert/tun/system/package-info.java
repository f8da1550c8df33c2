/**
 * What is done to a machine by its own programs and in its files, as data: {@link dev.culvert.tun.system.SystemAction}s say it, and are
 * compared in tests as text; {@link dev.culvert.tun.system.SystemActions} does it, or a test's model of a machine. Everything here blocks.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.system;
