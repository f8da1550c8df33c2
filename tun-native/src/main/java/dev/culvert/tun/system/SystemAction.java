package dev.culvert.tun.system;

import java.nio.file.Path;
import java.util.List;

/** One thing that is done to a machine: data. */
public sealed interface SystemAction {
    /** What it is, in a form that people and golden files read. */
    String text();

    /**
     * Runs a program of the system.
     *
     * @param line its absolute path, and its arguments: no shell is between
     * @param input what it reads
     */
    record Run(List<String> line, String input) implements SystemAction {
        /** Copies. */
        public Run {
            line = List.copyOf(line);
        }

        /** Without input. */
        public static Run of(String... line) {
            return new Run(List.of(line), "");
        }

        @Override
        public String text() {
            return String.join(" ", line)
                    + (input.isEmpty() ? "" : "\n  < " + input.strip().replace("\n", "\n  < "));
        }
    }

    /**
     * Writes a file, readable by all, in the place of what is there; makes its directory.
     *
     * @param file absolute
     * @param content of it
     */
    record Write(Path file, String content) implements SystemAction {
        @Override
        public String text() {
            return "write " + file + "\n  | " + content.strip().replace("\n", "\n  | ");
        }
    }

    /**
     * Deletes a file; nothing if there is none.
     *
     * @param file absolute
     */
    record Delete(Path file) implements SystemAction {
        @Override
        public String text() {
            return "delete " + file;
        }
    }
}
