package dev.culvert.command;

import java.util.regex.Pattern;

/** A token on a command line, where none belongs: it is known as one, so that no error says it again. */
final class TokenArgument {
    /** What is said instead. */
    static final String REFUSED =
            "a token is on the command line, where every user of this machine can read it and the shell may keep it:"
                    + " name a file that holds it, or - for standard input";

    /** Header and payload, which are JSON objects in base64url (RFC 7519 section 3), also of a token that was cut. */
    private static final Pattern TOKEN = Pattern.compile("eyJ[A-Za-z0-9_-]{8,}\\.eyJ[A-Za-z0-9_-]{8,}");

    private TokenArgument() {}

    /** Whether there is one in an argument, which may hold more: {@code --token-file=eyJ...}. */
    static boolean isIn(String argument) {
        return TOKEN.matcher(argument).find();
    }
}
