/**
 * A running program answers questions on a Unix socket. In it: {@link dev.culvert.command.control.Questions}, what it answers, and
 * {@link dev.culvert.command.control.ControlSocket}, who listens ({@link dev.culvert.command.control.ControlOptions} for its
 * command line). The command that asks: {@link dev.culvert.command.control.AskOptions} and {@link
 * dev.culvert.command.control.ControlClient}.
 *
 * <p>The protocol, whose version is 1: the asker connects and writes one line, a JSON object such as {@code {"culvert": 1, "ask":
 * "status", "with": {}}}. It is answered by one line, {@code {"culvert": 1, "program": "gateway", "version": "0.1.0", "answer":
 * {...}}} or the same with {@code "error": "why not"} instead of the answer, and then the connection is closed; but for an answer
 * that goes on ({@link dev.culvert.command.control.Questions.Stream}), behind whose line bytes follow for as long as both want. Members that one
 * does not know are left alone, so that programs of several versions understand each other; what a program answers it says when it
 * is asked for {@code questions}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.command.control;
