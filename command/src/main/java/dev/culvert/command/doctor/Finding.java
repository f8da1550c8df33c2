package dev.culvert.command.doctor;

/**
 * What a look at one thing came to. Texts may hold others' words: who shows them escapes them.
 *
 * @param check what was looked at, in a word or two
 * @param what it is like
 * @param cure what mends it, to be done or typed; empty unless it is {@link State#BAD}
 */
public record Finding(String check, State state, String what, String cure) {
    /** How it is. */
    public enum State {
        GOOD,
        /** Something does not work, and somebody must do something. */
        BAD,
        /** It could not be looked at, or plays no part here. */
        OPEN
    }

    public static Finding good(String check, String what) {
        return new Finding(check, State.GOOD, what, "");
    }

    public static Finding bad(String check, String what, String cure) {
        return new Finding(check, State.BAD, what, cure);
    }

    public static Finding open(String check, String why) {
        return new Finding(check, State.OPEN, why, "");
    }
}
