package dev.culvert.gateway.command;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.access.GatewayAddresses;
import dev.culvert.gateway.access.PolicyFile;
import dev.culvert.policy.Explanation;
import dev.culvert.policy.Flow;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicyDiff;
import dev.culvert.policy.PolicyError;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyTests;
import dev.culvert.policy.Rule;
import dev.culvert.text.Printable;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.ToIntBiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** The {@code gateway policy} commands: everything about a policy that needs no running gateway. */
@Command(
        name = "policy",
        description = {
            "Checks, tests, explains and compares policy files; puts one on the store that several gateways share."
        },
        mixinStandardHelpOptions = true,
        subcommands = {
            PolicyCommand.Check.class,
            PolicyCommand.Test.class,
            PolicyCommand.Explain.class,
            PolicyCommand.Diff.class,
            PolicyPushCommand.class,
            PolicyPullCommand.class,
            PolicyShowCommand.class
        },
        footerHeading =
                "%nExit codes: 0 yes, 1 the file cannot be read or is wrong, 2 wrong usage, 3 no: a test fails,%n"
                        + "the flow is denied, the files differ, another has pushed meanwhile; 7 the store is away.%n")
final class PolicyCommand implements Runnable {
    /** The answer is no. */
    static final int NO = 3;

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "say what to do: check, test, explain, diff, push, pull or show");
    }

    /** What all of them have. */
    static final class Invocation {
        @Option(names = "--json", description = "Answer in JSON.")
        boolean json;

        @Option(
                names = "--state",
                paramLabel = "DIR",
                description = "State directory of the gateway, where policy.yaml lies unless FILE is given.")
        @Nullable
        Path state;

        @Spec(Spec.Target.MIXEE)
        CommandSpec spec = CommandSpec.create();

        Path file(@Nullable Path given) {
            return given != null
                    ? given
                    : (state != null ? state : StateDirectory.defaultPath()).resolve(PolicyFile.NAME);
        }

        void print(String line) {
            PrintWriter out = spec.commandLine().getOut();
            out.println(Printable.escape(line));
            out.flush();
        }

        void json(Object value) {
            JSON.writeValueAsString(value).lines().forEach(this::print);
        }

        /** The policy; null when it is wrong, which has been told then. */
        @Nullable
        Policy read(Path file) throws IOException {
            try {
                return PolicyFile.parse(file);
            } catch (PolicyException e) {
                tell(file, e.errors());
                return null;
            }
        }

        /** What its tests say against it. */
        static List<PolicyError> failures(List<PolicyTests.Result> results) {
            return results.stream()
                    .filter(r -> !r.passed())
                    .map(r -> new PolicyError(r.line(), 1, "test fails: " + r.text()))
                    .toList();
        }

        void tell(Path file, List<PolicyError> errors) {
            if (json) {
                json(Map.of("file", file.toString(), "valid", false, "errors", errors));
            } else {
                PrintWriter err = spec.commandLine().getErr();
                errors.forEach(e -> err.println(Printable.line(e.in(file.toString()))));
                err.flush();
            }
        }

        static SensitiveAddresses sensitive() {
            return SensitiveAddresses.with(GatewayAddresses.orNone());
        }
    }

    /** What looks at one file. */
    abstract static class OneFile implements Callable<Integer> {
        @Mixin
        Invocation invocation = new Invocation();

        @Parameters(arity = "0..1", paramLabel = "FILE", description = "Default: policy.yaml in the state directory.")
        @Nullable
        Path file;

        /** The exit code: what {@code answer} returns, or 1 when the policy is wrong, which has been told then. */
        final int read(ToIntBiFunction<Path, Policy> answer) throws IOException {
            Path path = invocation.file(file);
            Policy policy = invocation.read(path);
            return policy == null ? 1 : answer.applyAsInt(path, policy);
        }
    }

    /** {@code gateway policy check}. */
    @Command(
            name = "check",
            description = "Says whether a gateway would load the file, and everything that is wrong with it.",
            mixinStandardHelpOptions = true)
    static final class Check extends OneFile {
        @Override
        public Integer call() throws IOException {
            return read(this::answer);
        }

        private int answer(Path path, Policy policy) {
            List<PolicyTests.Result> results = PolicyTests.run(policy, Invocation.sensitive());
            List<PolicyError> failed = Invocation.failures(results);
            if (!failed.isEmpty()) {
                invocation.tell(path, failed);
                return NO;
            }
            if (invocation.json) {
                invocation.json(Map.of(
                        "file",
                        path.toString(),
                        "valid",
                        true,
                        "grants",
                        policy.grants().size(),
                        "denies",
                        policy.denies().size(),
                        "tests",
                        results.size()));
            } else {
                invocation.print(path + ": in order: " + policy.grants().size() + " grants, "
                        + policy.denies().size() + " denies, "
                        + (results.isEmpty() ? "no tests" : "all " + results.size() + " tests pass"));
            }
            return 0;
        }
    }

    /** {@code gateway policy test}. */
    @Command(
            name = "test",
            description = "Runs the tests that the file holds and shows each.",
            mixinStandardHelpOptions = true)
    static final class Test extends OneFile {
        @Override
        public Integer call() throws IOException {
            return read(this::answer);
        }

        private int answer(Path path, Policy policy) {
            List<PolicyTests.Result> results = PolicyTests.run(policy, Invocation.sensitive());
            long failed = results.stream().filter(r -> !r.passed()).count();
            if (invocation.json) {
                invocation.json(Map.of("file", path.toString(), "failed", failed, "results", results));
            } else {
                results.forEach(r ->
                        invocation.print((r.passed() ? "pass  line " : "FAIL  line ") + r.line() + ": " + r.text()));
                invocation.print(results.size() + " tests, " + failed + " failed");
            }
            return failed == 0 ? 0 : NO;
        }
    }

    /** {@code gateway policy explain}. */
    @Command(
            name = "explain",
            description = "Says which rule decides about a flow, and why. The client's token must grant the flow too.",
            mixinStandardHelpOptions = true)
    static final class Explain extends OneFile {
        @Option(names = "--client", required = true, paramLabel = "NAME", description = "Who asks.")
        String client = "";

        @Option(names = "--agent", required = true, paramLabel = "NAME", description = "Through which agent.")
        String agent = "";

        @Option(
                names = "--to",
                required = true,
                paramLabel = "HOST:PORT[/TRANSPORT]",
                description = "Where to, such as 192.168.77.2:443/tcp, [fd77::1]:53/udp or 192.168.77.2/icmp.")
        String to = "";

        @Option(
                names = "--at",
                paramLabel = "MOMENT",
                description = "When, such as 2027-01-31T18:00:00+01:00. Default: now.")
        @Nullable
        String at;

        @Override
        public Integer call() throws IOException {
            Flow flow;
            Instant when;
            try {
                flow = Flow.parse(to);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(invocation.spec.commandLine(), "--to: " + e.getMessage());
            }
            try {
                when = at == null ? Instant.now() : OffsetDateTime.parse(at).toInstant();
            } catch (DateTimeException e) {
                throw new ParameterException(
                        invocation.spec.commandLine(), "--at '" + at + "': write it like 2027-01-31T18:00:00+01:00");
            }
            return read((path, policy) -> answer(policy, flow, when));
        }

        private int answer(Policy policy, Flow flow, Instant when) {
            Explanation why = Explanation.of(policy, Invocation.sensitive(), client, agent, flow, when);
            if (invocation.json) {
                Map<String, Object> out = new LinkedHashMap<>();
                out.put("client", client);
                out.put("agent", agent);
                out.put("to", flow.toString());
                out.put("at", when.toString());
                out.put("allowed", why.allowed());
                Rule rule = why.rule();
                if (rule != null) {
                    out.put(
                            "rule",
                            Map.of("effect", rule.effect().toString(), "name", rule.name(), "line", rule.line()));
                }
                out.put("reasons", why.reasons());
                invocation.json(out);
            } else {
                List<String> lines = new ArrayList<>(why.reasons());
                invocation.print(lines.remove(0));
                lines.forEach(line -> invocation.print("  " + line));
            }
            return why.allowed() ? 0 : NO;
        }
    }

    /** {@code gateway policy diff}. */
    @Command(
            name = "diff",
            description =
                    "Says what two files grant, deny, limit and let publish differently, with groups, tags and hosts put"
                            + " in. Moving or renaming is no difference.",
            mixinStandardHelpOptions = true)
    static final class Diff implements Callable<Integer> {
        @Mixin
        Invocation invocation = new Invocation();

        @Parameters(index = "0", paramLabel = "OLD", description = "One file.")
        Path old = Path.of("");

        @Parameters(
                index = "1",
                arity = "0..1",
                paramLabel = "NEW",
                description = "Default: policy.yaml in the state directory.")
        @Nullable
        Path file;

        @Override
        public Integer call() throws IOException {
            Policy before = invocation.read(old);
            Policy after = before == null ? null : invocation.read(invocation.file(file));
            if (before == null || after == null) {
                return 1;
            }
            PolicyDiff diff = PolicyDiff.of(before, after);
            if (invocation.json) {
                invocation.json(diff);
            } else {
                diff.removed().forEach(line -> invocation.print("- " + line));
                diff.added().forEach(line -> invocation.print("+ " + line));
                if (diff.isEmpty()) {
                    invocation.print("both say the same");
                }
            }
            return diff.isEmpty() ? 0 : NO;
        }
    }
}
