package dev.culvert.token.holder;

import java.io.Console;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Asks for a secret on the terminal, without showing it. */
public interface Prompt {
    /** @throws SecretException if nothing was typed */
    char[] ask(String question) throws SecretException;

    /** Asks until the same was typed twice; three times at most. */
    default char[] askTwice(String question) throws SecretException {
        for (int i = 0; i < 3; i++) {
            char[] first = ask(question);
            char[] second = ask("The same again: ");
            boolean same = Arrays.equals(first, second);
            Arrays.fill(second, '\0');
            if (same) {
                return first;
            }
            Arrays.fill(first, '\0');
        }
        throw new SecretException("the passphrases differ: try again");
    }

    /** The terminal of this process; null if it has none. */
    static @Nullable Prompt terminal() {
        Console console = System.console();
        if (console == null || !isTerminal(console)) {
            return null;
        }
        return question -> {
            char[] answer = console.readPassword("%s", question);
            if (answer == null || answer.length == 0) {
                throw new SecretException("nothing was typed: try again");
            }
            return answer;
        };
    }

    /** Whether standard input is a terminal, also where {@link #terminal} is none since standard output is not. */
    static boolean isTyped() {
        return isTerminal(Path.of("/proc/self/fd/0"));
    }

    /** @param descriptor an open file of a process as /proc has it: a link to its path */
    static boolean isTerminal(Path descriptor) {
        try {
            String file = Files.readSymbolicLink(descriptor).toString();
            return Stream.of("/dev/pts/", "/dev/tty", "/dev/console", "/dev/hvc")
                    .anyMatch(file::startsWith);
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }

    /** Java 22 to 24 give a console also where there is no terminal, and a method to ask; before, one meant the other. */
    private static boolean isTerminal(Console console) {
        try {
            return (Boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (NoSuchMethodException e) {
            return true;
        } catch (ReflectiveOperationException e) {
            return false;
        }
    }
}
