package dev.culvert.token.issue;

import dev.culvert.command.GatewayUrl;
import dev.culvert.token.state.SharedStore;
import dev.culvert.token.state.StateDirectory;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code token init}: makes or completes the state directory. */
@Command(
        name = "init",
        description = {
            "Makes the signing key and the certificate authority, where they do not exist yet.",
            "What exists is kept, so it is safe to run again."
        },
        mixinStandardHelpOptions = true,
        footer = Subcommand.EXIT_CODES)
final class InitCommand extends Subcommand {
    @Option(
            names = "--gateway",
            paramLabel = "URL",
            converter = GatewayUrl.class,
            split = ",",
            description = {
                "Public URL of the gateway, like wss://vpn.example:443, or of several: agents attach to all, a client to one;",
                "remembered for new tokens. Tokens that name earlier ones count on."
            })
    List<URI> gateways = new ArrayList<>();

    @Option(
            names = "--encrypt",
            description = {
                "Put the signing key under a passphrase, if it has yet to be made.",
                "For one that exists there is token key passphrase."
            })
    boolean encrypt;

    @Mixin
    PassphraseOption passphrase = new PassphraseOption();

    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        SharedStore where = store.choice(state.path(), root().env, true);
        boolean asks = (encrypt || passphrase.isGiven(root())) && !StateDirectory.hasKeys(state.path(), where);
        StateDirectory directory =
                StateDirectory.openOrCreate(state.path(), root().clock, asks ? passphrase.choose(root()) : null, where);
        if (!gateways.isEmpty()) {
            try {
                List<URI> before = directory.gatewayUrls();
                directory.setGatewayUrls(gateways);
                if (!before.equals(directory.gatewayUrls())) {
                    audit(
                            directory,
                            "gateway-named",
                            Map.of(
                                    "gateways",
                                    gateways.stream().map(URI::toString).toList()));
                }
            } catch (IllegalArgumentException e) {
                throw wrongUsage(e);
            }
        }
        warn(directory);
        List<URI> urls = directory.gatewayUrls();
        String key = directory.keys().accepted().get(0).key().keyId();
        boolean encrypted = directory.keys().canSign() && directory.keys().isEncrypted();
        if (json) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("state", directory.path().toString());
            fields.put("keyId", key);
            fields.put("encrypted", encrypted);
            fields.put("pin", directory.caPin());
            fields.put("gateways", urls.stream().map(URI::toString).toList());
            print(fields);
            return 0;
        }
        print("state      " + directory.path());
        print("key        " + key + (encrypted ? " (under a passphrase)" : ""));
        print("authority  " + directory.caPin());
        print("gateway    "
                + (urls.isEmpty()
                        ? "not set: run token init --gateway wss://host:port before making tokens"
                        : urls.stream().map(URI::toString).collect(Collectors.joining(", "))));
        return 0;
    }
}
