package dev.culvert.policy;

import dev.culvert.address.SensitiveAddresses;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs the tests that a policy file holds. */
public final class PolicyTests {
    private PolicyTests() {}

    /**
     * One expectation and what came of it.
     *
     * @param line of the test in the file
     * @param passed whether the policy does as expected
     * @param text what was expected, and which rule decided
     */
    public record Result(int line, boolean passed, String text) {}

    /** Runs all tests; one result for each expectation, in the order of the file. */
    public static List<Result> run(Policy policy, SensitiveAddresses sensitive) {
        List<Result> out = new ArrayList<>();
        Map<Instant, PolicySnapshot> snapshots = new HashMap<>();
        PolicySnapshot anyTime = policy.atAnyTime(sensitive);
        for (PolicyTest test : policy.tests()) {
            Instant at = test.at();
            PolicySnapshot snapshot =
                    at == null ? anyTime : snapshots.computeIfAbsent(at, t -> policy.at(t, sensitive));
            Reach reach = snapshot.client(test.client()).through(test.agent());
            test.allow().forEach(flow -> out.add(result(test, reach, flow, true)));
            test.deny().forEach(flow -> out.add(result(test, reach, flow, false)));
            test.mayPublish().forEach(host -> out.add(publish(policy, test, host.toString(), true)));
            test.mayNotPublish().forEach(host -> out.add(publish(policy, test, host.toString(), false)));
        }
        return out;
    }

    /** The failed ones as errors of the file, at most as many as anybody reads. */
    public static void require(Policy policy, SensitiveAddresses sensitive) throws PolicyException {
        List<PolicyError> errors = run(policy, sensitive).stream()
                .filter(r -> !r.passed())
                .limit(Problems.MAX_ERRORS)
                .map(r -> new PolicyError(r.line(), 1, "test fails: " + r.text() + "; mend the rule or the test"))
                .toList();
        if (!errors.isEmpty()) {
            throw new PolicyException(errors);
        }
    }

    private static Result result(PolicyTest test, Reach reach, Flow flow, boolean expected) {
        String who = test.client() + " to " + flow + " through " + test.agent();
        Verdict verdict = verdict(reach, flow);
        if (flow.name() != null
                && verdict.rule() == null
                && !reach.prefixes(flow.transport(), flow.port()).isEmpty()) {
            return new Result(
                    test.line(),
                    false,
                    who + " depends on what the name resolves to: no rule names it, and grants"
                            + " open addresses; test an address");
        }
        return new Result(
                test.line(),
                verdict.allowed() == expected,
                who + " is expected to be " + (expected ? "allowed" : "denied") + ", and "
                        + (verdict.allowed() ? "allowed" : "denied") + " by " + verdict.by());
    }

    private static Verdict verdict(Reach reach, Flow flow) {
        return flow.address() != null
                ? reach.judge(flow.transport(), flow.address(), flow.port())
                : reach.judgeName(flow.transport(), String.valueOf(flow.name()), flow.port());
    }

    private static Result publish(Policy policy, PolicyTest test, String host, boolean expected) {
        String probe = host.startsWith("*.") ? "any" + host.substring(1) : host;
        boolean may = policy.permitsPublishing(test.agent(), probe);
        return new Result(
                test.line(),
                may == expected,
                test.agent() + " is expected " + (expected ? "to be allowed" : "not to be allowed") + " to publish "
                        + host + ", and " + (may ? "is" : "is not"));
    }
}
