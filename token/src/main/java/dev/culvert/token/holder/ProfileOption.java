package dev.culvert.token.holder;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option {@code --profile} of what uses a token that is kept, for use as a picocli mixin. */
public final class ProfileOption {
    @Option(
            names = "--profile",
            paramLabel = "NAME",
            completionCandidates = ProfileCandidates.class,
            description =
                    "Use the token that 'login' keeps under this name. Default: the last that was logged in with.")
    @Nullable
    String name;

    /** As given; null for the last that was logged in with. */
    public @Nullable String name() {
        return name;
    }
}
