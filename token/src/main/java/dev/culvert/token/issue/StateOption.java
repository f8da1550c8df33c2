package dev.culvert.token.issue;

import dev.culvert.token.state.StateDirectory;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option {@code --state}, for use as a picocli mixin. */
public final class StateOption {
    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = {
                "Directory with keys and certificates.",
                "Default: $CULVERT_STATE, else /var/lib/culvert as root, else ~/.local/state/culvert."
            })
    @Nullable
    Path directory;

    /** Used by picocli. */
    public StateOption() {}

    /** The directory named, or the default one. */
    public Path path() {
        return directory == null ? StateDirectory.defaultPath() : directory;
    }
}
