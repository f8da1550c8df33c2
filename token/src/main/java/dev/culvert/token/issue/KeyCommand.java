package dev.culvert.token.issue;

import dev.culvert.token.state.IssuedTokens;
import dev.culvert.token.state.SigningKeys;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code token key}: the keys that sign tokens. */
@Command(
        name = "key",
        description = "Shows and changes the keys that sign tokens.",
        mixinStandardHelpOptions = true,
        subcommands = {
            KeyCommand.ListKeys.class,
            KeyCommand.Rotate.class,
            KeyCommand.Retire.class,
            KeyCommand.ChangePassphrase.class
        },
        footer = Subcommand.EXIT_CODES)
final class KeyCommand implements Runnable {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: list, rotate, retire or passphrase");
    }

    /** Who uses which key. */
    private record Use(SigningKeys.Accepted accepted, boolean signs, List<IssuedTokens.Entry> tokens) {
        String id() {
            return accepted.key().keyId();
        }

        /** {@code 3 tokens (laptop, office, phone)} */
        String words() {
            return tokens.size()
                    + (tokens.size() == 1 ? " token" : " tokens")
                    + (tokens.isEmpty()
                            ? ""
                            : tokens.stream()
                                    .map(IssuedTokens.Entry::name)
                                    .distinct()
                                    .sorted()
                                    .collect(Collectors.joining(", ", " (", ")")));
        }

        Map<String, Object> fields() {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("keyId", id());
            out.put(
                    "created",
                    accepted.created() == null ? null : accepted.created().toString());
            out.put("signs", signs);
            out.put("tokens", tokens.stream().map(IssuedTokens.Entry::fields).toList());
            return out;
        }
    }

    private static List<Use> uses(StateDirectory directory, TokenCommand root) throws IOException {
        TokenStates states = TokenStates.of(directory, root.clock.instant());
        List<IssuedTokens.Entry> tokens = directory.issued().read();
        List<Use> out = new ArrayList<>();
        for (SigningKeys.Accepted accepted : directory.keys().accepted()) {
            out.add(new Use(
                    accepted,
                    out.isEmpty() && directory.keys().canSign(),
                    states.inForce(tokens, accepted.key().keyId())));
        }
        return out;
    }

    /** {@code token key list}. */
    @Command(
            name = "list",
            description = "Lists the keys whose tokens are accepted, newest first, and how many tokens still use each.",
            mixinStandardHelpOptions = true,
            footer = Subcommand.EXIT_CODES)
    static final class ListKeys extends Subcommand {
        @Option(names = "--json", description = "Print one JSON object instead of a table.")
        boolean json;

        @Override
        public Integer call() throws Exception {
            List<Use> uses = uses(open(), root());
            if (json) {
                print(Map.of("keys", uses.stream().map(Use::fields).toList()));
            } else {
                table(
                        List.of("KEY", "CREATED", "STATE", "IN FORCE"),
                        uses,
                        use -> List.of(
                                use.id(),
                                use.accepted.created() == null
                                        ? "unknown"
                                        : use.accepted.created().toString(),
                                use.signs ? "signs" : "accepted",
                                use.words()));
            }
            return 0;
        }
    }

    /** {@code token key rotate}. */
    @Command(
            name = "rotate",
            description = {
                "Makes a new signing key. Tokens of the older keys are accepted until those are retired.",
                "Gateways read it without a restart; one whose state directory is elsewhere needs the new signing.pub."
            },
            mixinStandardHelpOptions = true,
            footer = Subcommand.EXIT_CODES)
    static final class Rotate extends Subcommand {
        @Mixin
        PassphraseOption passphrase = new PassphraseOption();

        @Option(names = "--json", description = "Print one JSON object instead of words.")
        boolean json;

        @Override
        public Integer call() throws Exception {
            StateDirectory directory = open();
            SigningKeys keys = directory.keys();
            char[] secret = null;
            if (keys.isEncrypted()) {
                // The new key goes under the passphrase of the old one, which must be right for that.
                secret = passphrase.source(root()).get("the signing key");
                char[] copy = secret.clone();
                keys.signer(what -> copy);
            }
            String fresh = keys.rotate(secret);
            audit(directory, "key-rotated", Map.of("key", fresh));
            List<Use> uses = uses(directory, root());
            if (json) {
                print(Map.of(
                        "keyId", fresh, "keys", uses.stream().map(Use::fields).toList()));
                return 0;
            }
            print("new key " + fresh + " signs from now on");
            for (Use use : uses.subList(1, uses.size())) {
                print("key " + use.id() + " is still used by " + use.words()
                        + (use.tokens.isEmpty() ? ": end it with token key retire " + use.id() : ""));
            }
            return 0;
        }
    }

    /** {@code token key retire}. */
    @Command(
            name = "retire",
            description =
                    "Ends the acceptance of a key's tokens, for good. Refuses while some are in force, unless forced.",
            mixinStandardHelpOptions = true,
            footer = Subcommand.EXIT_CODES)
    static final class Retire extends Subcommand {
        @Parameters(paramLabel = "KEY", description = "The key's id; token key list says it.")
        String keyId = "";

        @Option(names = "--force", description = "Also if tokens in force use it: their links end.")
        boolean force;

        @Option(names = "--json", description = "Print one JSON object instead of words.")
        boolean json;

        @Override
        public Integer call() throws Exception {
            StateDirectory directory = open();
            Use use = uses(directory, root()).stream()
                    .filter(u -> u.id().equals(keyId))
                    .findFirst()
                    .orElse(null);
            if (use != null && !use.signs && !use.tokens.isEmpty() && !force) {
                throw new IOException("key " + keyId + " is still used by " + use.words()
                        + ": make new tokens for them first, or give --force");
            }
            directory.keys().retire(keyId);
            audit(directory, "key-retired", Map.of("key", keyId));
            if (json) {
                print(Objects.requireNonNull(use).fields());
            } else {
                print("key " + keyId + " is retired"
                        + (use == null || use.tokens.isEmpty() ? "" : "; refused from now on: " + use.words()));
            }
            return 0;
        }
    }

    /** {@code token key passphrase}. */
    @Command(
            name = "passphrase",
            description = "Puts the private signing key under a passphrase, under another one, or under none.",
            mixinStandardHelpOptions = true,
            footer = Subcommand.EXIT_CODES)
    static final class ChangePassphrase extends Subcommand {
        @Mixin
        PassphraseOption passphrase = new PassphraseOption();

        @Option(
                names = "--new-passphrase-file",
                paramLabel = "FILE",
                description = "File with the new passphrase. Default: it is asked for on the terminal.")
        @Nullable
        String newFile;

        @Option(names = "--remove", description = "Write the key without a passphrase.")
        boolean remove;

        @Override
        public Integer call() throws Exception {
            if (remove && newFile != null) {
                throw new ParameterException(
                        spec.commandLine(), "--remove and --new-passphrase-file exclude each other");
            }
            StateDirectory directory = open();
            directory
                    .keys()
                    .changePassphrase(
                            passphrase.source(root()),
                            remove ? null : what -> PassphraseOption.choose(root(), newFile, "New passphrase: "));
            audit(directory, "key-passphrase", Map.of("encrypted", !remove));
            print(remove ? "the signing key is not encrypted any more" : "the signing key is encrypted");
            return 0;
        }
    }
}
