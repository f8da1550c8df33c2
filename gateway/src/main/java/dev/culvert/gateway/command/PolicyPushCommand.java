package dev.culvert.gateway.command;

import dev.culvert.gateway.access.PolicyFile;
import dev.culvert.gateway.access.SharedPolicy;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicyError;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyParser;
import dev.culvert.policy.PolicyTests;
import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code gateway policy push}. */
@Command(
        name = "push",
        description = {
            "Checks the file, runs its tests, and puts it on the store of several gateways: it is in force at all of them",
            "within a second. One that was pulled is refused when another version has been pushed meanwhile."
        },
        mixinStandardHelpOptions = true)
final class PolicyPushCommand extends OnStore {
    @Parameters(paramLabel = "FILE", description = "The policy.")
    Path file = Path.of("");

    @Override
    public Integer call() throws IOException {
        String text = PolicyFile.text(file);
        List<PolicyError> wrong;
        int code;
        try {
            Policy policy = PolicyParser.parse(text);
            wrong = PolicyCommand.Invocation.failures(PolicyTests.run(policy, PolicyCommand.Invocation.sensitive()));
            code = PolicyCommand.NO;
        } catch (PolicyException e) {
            wrong = e.errors();
            code = 1;
        }
        if (!wrong.isEmpty()) {
            invocation.tell(file, wrong);
            return code;
        }
        StateDirectory directory = open();
        SharedPolicy policy = new SharedPolicy(directory.shared());
        SharedPolicy.Pushed before;
        try {
            before = policy.read();
        } catch (StateException e) {
            if (e.isAway()) {
                throw e;
            }
            say("warning: nothing is known of what the file replaces: " + e.getMessage());
            return done(directory, policy, policy.replace(text, by(), Instant.now()), true);
        }
        long there = before == null ? 0 : before.version();
        SharedPolicy.Pushed now;
        try {
            now = policy.push(
                    text, Objects.requireNonNullElse(SharedPolicy.versionOf(text), there), by(), Instant.now());
        } catch (SharedPolicy.ChangedException e) {
            say(String.valueOf(e.getMessage()));
            return PolicyCommand.NO;
        }
        return done(directory, policy, now, now.version() != there);
    }

    private int done(StateDirectory directory, SharedPolicy policy, SharedPolicy.Pushed now, boolean changed) {
        if (changed) {
            audit(directory, policy, now);
        }
        if (invocation.json) {
            Map<String, Object> fields = fields(policy, now);
            fields.put("changed", changed);
            invocation.json(fields);
        } else {
            invocation.print(policy.where()
                    + (changed ? " is version " : " says so already, as version ")
                    + now.version()
                    + (changed ? " now" : ""));
        }
        return 0;
    }

    private static String by() {
        String caller = System.getenv("SUDO_USER");
        return caller != null ? caller : System.getProperty("user.name", "");
    }

    /** Leaves a line in the audit log; what was done stays done without one. */
    private void audit(StateDirectory directory, SharedPolicy policy, SharedPolicy.Pushed now) {
        try {
            directory.audit("policy-pushed", fields(policy, now));
        } catch (StateException e) {
            say("warning: not in the audit log: " + e.getMessage());
        }
    }

    private void say(String line) {
        PrintWriter err = invocation.spec.commandLine().getErr();
        err.println(Printable.line("gateway: " + line));
        err.flush();
    }
}
