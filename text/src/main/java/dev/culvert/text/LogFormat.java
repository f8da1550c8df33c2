package dev.culvert.text;

/** How a program that runs says what happens: for people, or for programs that collect lines. One of a process. From any thread. */
public enum LogFormat {
    /** A line as people read it. */
    TEXT,
    /** A JSON object a line, {@link LogLine}. */
    JSON;

    private static volatile LogFormat current = TEXT;

    /** What was chosen. */
    public static LogFormat current() {
        return current;
    }

    /** Chooses, before anything is said. */
    public static void use(LogFormat chosen) {
        current = chosen;
    }
}
