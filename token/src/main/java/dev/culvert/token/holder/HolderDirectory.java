package dev.culvert.token.holder;

import java.nio.file.Path;
import java.util.Map;

/**
 * Where an agent or a client keeps what it has to remember: the tokens that it was logged in with, their keys, which of its processes
 * have ended, a client also its undo journal.
 */
public final class HolderDirectory {
    private HolderDirectory() {}

    /**
     * {@code $STATE_DIRECTORY}, which systemd sets; else {@code /var/lib/culvert/PROGRAM} for root; else
     * {@code culvert/PROGRAM} below the XDG state directory.
     *
     * @param program agent or client
     * @param env the environment
     */
    public static Path of(String program, Map<String, String> env) {
        return of(program, env, System.getProperty("user.name", ""));
    }

    static Path of(String program, Map<String, String> env, String user) {
        String systemd = env.getOrDefault("STATE_DIRECTORY", "");
        if (systemd.startsWith("/")) {
            return Path.of(systemd.split(":", 2)[0]); // systemd.exec(5): several are apart by colons
        }
        if (user.equals("root")) {
            return Path.of("/var/lib/culvert", program);
        }
        String home = env.getOrDefault("HOME", "/");
        return Path.of(env.getOrDefault("XDG_STATE_HOME", home + "/.local/state"), "culvert", program);
    }
}
