package dev.culvert.policy;

/**
 * One thing that is wrong with a policy file.
 *
 * @param line where, from 1
 * @param column where, from 1
 * @param message cause and cure, in one line
 */
public record PolicyError(int line, int column, String message) {
    /** {@code file:line:column: message}, as compilers write it and editors jump to it. */
    public String in(String file) {
        return file + ":" + line + ":" + column + ": " + message;
    }

    @Override
    public String toString() {
        return "line " + line + ", column " + column + ": " + message;
    }
}
