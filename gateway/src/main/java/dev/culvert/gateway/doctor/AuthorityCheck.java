package dev.culvert.gateway.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.List;

/** Whether the gateway's authority is valid today, by this machine's clock. */
final class AuthorityCheck implements Check {
    private final GatewayChecks.State state;
    private final Clock clock;

    AuthorityCheck(GatewayChecks.State state, Clock clock) {
        this.state = state;
        this.clock = clock;
    }

    @Override
    public String name() {
        return "authority";
    }

    @Override
    public List<Finding> look() throws IOException {
        X509Certificate ca;
        try {
            ca = state.open().caCertificate();
        } catch (IOException e) {
            return List.of(Finding.open(name(), "it is in the state directory"));
        }
        Instant now = clock.instant();
        Instant from = ca.getNotBefore().toInstant();
        Instant until = ca.getNotAfter().toInstant();
        String what = "valid from " + from + " until " + until + ", and it is " + now + " here";
        if (now.isBefore(from)) {
            return List.of(Finding.bad(name(), what, "set this machine's clock (timedatectl set-ntp true, or date)"));
        }
        return List.of(
                now.isAfter(until)
                        ? Finding.bad(
                                name(),
                                what,
                                "if the clock is right: make a new one (docs/operations.md), and all tokens anew")
                        : Finding.good(name(), "valid until " + until));
    }
}
