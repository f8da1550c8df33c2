/**
 * What the four programs have in common: {@link dev.culvert.command.Program} runs one and tells its errors in one line,
 * {@link dev.culvert.command.Shutdown} ends it in order ({@link dev.culvert.command.Signals}), and {@link dev.culvert.command.LineFile} is a file that it writes
 * lines to.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.command;
