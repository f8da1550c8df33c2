package dev.culvert.token.holder;

import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client logout} and {@code agent logout}: forgets a token. */
@Command(
        name = "logout",
        description = {
            "Deletes a token that 'login' keeps. What runs with it goes on; revoking it is for 'token revoke'.",
            "A key of its own stays, which is of no use without the token."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
public final class LogoutCommand implements Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "PROFILE",
            completionCandidates = ProfileCandidates.class,
            description = "Which. Default: the one that is used.")
    @Nullable
    String profile;

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** Used by picocli. */
    public LogoutCommand() {}

    @Override
    public Integer call() throws SecretException, StateException {
        String program = spec.root().name();
        Profiles kept = new Profiles(state.path(program));
        String name = profile == null ? kept.current() : profile;
        if (name == null || !kept.remove(name)) {
            throw new SecretException(
                    (name == null ? "no profile is in use" : "there is no profile '" + Printable.shorten(name) + "'")
                            + " in " + kept.directory() + ": '" + program + " profiles' shows which there are");
        }
        PrintWriter out = spec.commandLine().getOut();
        out.println(program + ": logged out; profile '" + name + "' is deleted");
        out.flush();
        return 0;
    }
}
