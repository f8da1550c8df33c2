package dev.culvert.command;

import java.util.List;

/**
 * A program with subcommands that are made when they are wanted: to read the annotations of a dozen takes longer than most of
 * them run.
 */
public interface Subcommands {
    /** Classes with a {@code Command} annotation, in the order of the help. */
    List<Class<?>> subcommands();
}
