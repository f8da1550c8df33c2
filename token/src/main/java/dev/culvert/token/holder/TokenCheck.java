package dev.culvert.token.holder;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;

/** Whether there is a token, with its key, and whether it is good today. Who made it, only a gateway can say. */
public final class TokenCheck implements Check {
    /** What gateways allow for. */
    private static final Duration SKEW = Duration.ofSeconds(60);

    private final Callable<HolderOptions.Holder> source;
    private final Path directory;
    private final Clock clock;

    /**
     * @param source reads it
     * @param directory the holder's
     */
    public TokenCheck(Callable<HolderOptions.Holder> source, Path directory, Clock clock) {
        this.source = source;
        this.directory = directory;
        this.clock = clock;
    }

    @Override
    public String name() {
        return "token";
    }

    @Override
    public List<Finding> look() throws IOException {
        HolderOptions.Holder given;
        try {
            given = source.call();
        } catch (IOException e) {
            return List.of(bad(String.valueOf(e.getMessage()), "log in, or name the token's file"));
        } catch (Exception e) {
            return List.of(bad(String.valueOf(e.getMessage()), "use the token as it was made, or ask for another"));
        }
        Instant now = clock.instant();
        HolderOptions.Holder holder = RenewedToken.newest(given, directory, clock);
        Token token = holder.token();
        String whose =
                "of '" + token.name() + "'" + (holder.profile() == null ? "" : ", profile '" + holder.profile() + "'");
        if (token.terms().issuedAt().isAfter(now.plus(SKEW))) {
            return List.of(bad(
                    whose + ", was made at " + token.terms().issuedAt() + ", and it is " + now + " here",
                    "set this machine's clock (timedatectl set-ntp true, or date)"));
        }
        if (!now.isBefore(token.expires())) {
            return List.of(bad(
                    whose + ", has ended at " + token.expires() + ", and it is " + now + " here",
                    "ask for another one, if the clock is right"));
        }
        if (token.binding() instanceof TokenBinding.Key) {
            try {
                HolderKey.existing(directory, token);
            } catch (IOException e) {
                return List.of(bad(whose + ": " + e.getMessage(), "it works on the machine that it was made for"));
            }
        }
        return List.of(Finding.good(
                name(),
                whose + ", until " + token.expires()
                        + (token.terms().endsSoon(now) ? " (soon: ask for another one)" : "")));
    }

    private Finding bad(String what, String cure) {
        return Finding.bad(name(), what, cure);
    }
}
