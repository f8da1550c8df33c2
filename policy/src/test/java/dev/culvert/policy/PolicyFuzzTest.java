package dev.culvert.policy;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/**
 * Whatever a policy file holds, it is read or refused with lines and causes, and what is read answers. In a normal build
 * this runs the corpus beside it; {@code JAZZER_FUZZ=1} searches.
 */
class PolicyFuzzTest {
    @FuzzTest
    void policy(byte[] data) throws Exception {
        Policy policy;
        try {
            policy = PolicyParser.parse(new String(data, StandardCharsets.UTF_8));
        } catch (PolicyException e) {
            for (PolicyError error : e.errors()) {
                if (error.line() < 1
                        || error.column() < 1
                        || error.message().indexOf('\n') >= 0
                        || error.message().length() > 1000) {
                    throw new AssertionError("not an error that a person can use: " + error, e);
                }
            }
            return;
        }
        Instant now = Instant.parse("2026-11-22T12:00:00Z");
        PolicySnapshot snapshot = policy.at(now, SensitiveAddresses.standard());
        Instant until = snapshot.validUntil();
        if (until != null && !until.isAfter(now)) {
            throw new AssertionError("ends before it begins: " + until);
        }
        InetAddress address = InetAddress.getByAddress(new byte[] {10, 0, 0, 1});
        Verdict verdict = snapshot.client("a").through("b").judge(Transport.TCP, address, 80);
        Flow flow = new Flow(Transport.TCP, address, null, 80);
        Explanation why = Explanation.of(policy, SensitiveAddresses.standard(), "a", "b", flow, now);
        if (why.allowed() != verdict.allowed() || why.rule() != verdict.rule()) {
            throw new AssertionError("explained otherwise: " + why + ", judged " + verdict);
        }
        PolicyTests.run(policy, SensitiveAddresses.standard());
        if (!PolicyDiff.of(policy, policy).isEmpty()) {
            throw new AssertionError("differs from itself");
        }
    }
}
