package dev.culvert.token.holder;

import dev.culvert.command.control.Words;
import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.sign.TokenReader;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jose4j.json.JsonUtil;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code client profiles} and {@code agent profiles}: what tokens are kept, and never these themselves. */
@Command(
        name = "profiles",
        description =
                "Shows the tokens that 'login' keeps: under which name, whose, for which gateway, until when. A '*' is"
                        + " before the one that is used where none is named.",
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
public final class ProfilesCommand implements Callable<Integer> {
    private final Clock clock;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** @param trouble why it is of no use; null when none is known */
    private record Row(
            String name, @Nullable Token token, @Nullable String trouble) {}

    /** Used by picocli. */
    public ProfilesCommand() {
        this(Clock.systemUTC());
    }

    ProfilesCommand(Clock clock) {
        this.clock = clock;
    }

    @Override
    public Integer call() throws StateException {
        String program = spec.root().name();
        Path directory = state.path(program);
        Profiles kept = new Profiles(directory);
        String current = kept.current();
        List<Row> rows = new ArrayList<>();
        for (String name : kept.names()) {
            rows.add(row(kept, name));
        }
        Instant now = clock.instant();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Printable.escape(JsonUtil.toJson(fields(directory, current, rows, now))));
        } else if (rows.isEmpty()) {
            out.println(program + ": no token is kept in " + directory + "; '" + program + " login FILE' keeps one");
        } else {
            List<List<String>> cells = rows.stream()
                    .map(row -> List.of(
                            (row.name.equals(current) ? "* " : "  ") + row.name,
                            row.token == null ? "?" : row.token.name(),
                            row.token == null
                                    ? "?"
                                    : row.token.gateways().get(0).toString(),
                            until(row, now)))
                    .toList();
            Words.table(List.of("  PROFILE", "HOLDER", "GATEWAY", "UNTIL"), cells)
                    .forEach(out::println);
        }
        out.flush();
        return 0;
    }

    private static String until(Row row, Instant now) {
        if (row.token == null) {
            return String.valueOf(row.trouble);
        }
        Instant end = row.token.expires();
        return end
                + (now.isBefore(end)
                        ? " (" + Words.span(now, end) + " left)"
                        : " (it is OVER: ask for another one, and log in with that)");
    }

    /** With the end of what the gateway has handed over in its place. */
    private Row row(Profiles kept, String name) {
        try {
            String jwt = kept.read(name, line -> {});
            Token token =
                    TokenReader.read(jwt, Token.Kind.valueOf(spec.root().name().toUpperCase(Locale.ROOT)));
            HolderOptions.Holder given = HolderOptions.Holder.of(jwt, token, name);
            return new Row(
                    name, RenewedToken.newest(given, kept.directory(), clock).token(), null);
        } catch (StateException | SecretException | TokenException e) {
            return new Row(name, null, e.getMessage());
        }
    }

    private static Map<String, Object> fields(Path directory, @Nullable String current, List<Row> rows, Instant now) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("state", directory.toString());
        all.put("current", current);
        List<Map<String, Object>> profiles = new ArrayList<>();
        for (Row row : rows) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("name", row.name);
            one.put("current", row.name.equals(current));
            if (row.token == null) {
                one.put("trouble", row.trouble);
            } else {
                one.put("holder", row.token.name());
                one.put(
                        "gateways",
                        row.token.gateways().stream().map(URI::toString).toList());
                one.put("expires", row.token.expires().toString());
                one.put("over", !now.isBefore(row.token.expires()));
            }
            profiles.add(one);
        }
        all.put("profiles", profiles);
        return all;
    }
}
