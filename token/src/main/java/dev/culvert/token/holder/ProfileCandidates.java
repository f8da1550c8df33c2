package dev.culvert.token.holder;

import dev.culvert.command.Candidates;
import dev.culvert.store.StateException;
import java.util.List;

/** The profiles that are kept, for shells that complete their names. */
public final class ProfileCandidates extends Candidates {
    /** As a shell asks for them. */
    public static final String KIND = "profiles";

    /** Used by picocli. */
    public ProfileCandidates() {
        super(KIND);
    }

    /** Those of whoever runs this, in the program's usual state directory. */
    public static List<String> of(String program) throws StateException {
        return new Profiles(HolderDirectory.of(program, System.getenv())).names();
    }
}
