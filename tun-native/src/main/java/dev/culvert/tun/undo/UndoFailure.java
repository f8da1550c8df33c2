package dev.culvert.tun.undo;

/**
 * A step that could not be undone and stays in the journal.
 *
 * @param step the step
 * @param reason one line
 */
public record UndoFailure(UndoStep step, String reason) {}
