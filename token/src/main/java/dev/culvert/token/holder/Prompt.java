package dev.culvert.token.holder;

import java.io.Console;
import java.util.Arrays;
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
