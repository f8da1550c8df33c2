/**
 * How to take back what was changed of this machine: an {@link dev.culvert.tun.undo.UndoJournal} of
 * {@link dev.culvert.tun.undo.UndoStep}s, on disk before the change is made, and its owner while that one lives. Everything here
 * blocks.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.undo;
