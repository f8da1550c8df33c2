package dev.culvert.token.holder;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option {@code --state} of agent and client, for use as a picocli mixin. */
public final class HolderStateOption {
    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = {
                "Directory where this program keeps the tokens that it was logged in with, the keys of its tokens, which of"
                        + " its processes have ended and, in a client, the undo journal.",
                "Default: $$STATE_DIRECTORY, else /var/lib/culvert/${ROOT-COMMAND-NAME} as root, else"
                        + " ~/.local/state/culvert/${ROOT-COMMAND-NAME}."
            })
    @Nullable
    Path directory;

    /** Used by picocli. */
    public HolderStateOption() {}

    /**
     * The directory named, or the default one.
     *
     * @param program agent or client
     */
    public Path path(String program) {
        return directory != null ? directory : HolderDirectory.of(program, System.getenv());
    }

    /** Whether the option says which it is. */
    public boolean isNamed() {
        return directory != null;
    }

    /** Whether it is this user's own directory, which root does not look into. */
    boolean isForUser() {
        return directory == null
                && System.getenv().getOrDefault("STATE_DIRECTORY", "").isEmpty()
                && !System.getProperty("user.name", "").equals("root");
    }
}
