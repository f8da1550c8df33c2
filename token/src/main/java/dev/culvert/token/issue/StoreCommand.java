package dev.culvert.token.issue;

import dev.culvert.store.FileStore;
import dev.culvert.store.Store;
import dev.culvert.token.state.StoreCopy;
import java.io.Closeable;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code token store}: what gateways share, as a whole. */
@Command(
        name = "store",
        description = "Copies what gateways share from one store to another.",
        mixinStandardHelpOptions = true,
        subcommands = StoreCommand.Copy.class,
        footer = Subcommand.EXIT_CODES)
final class StoreCommand implements Runnable {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: copy");
    }

    /** {@code token store copy}. */
    @Command(
            name = "copy",
            description = {
                "Copies keys, tokens' records, revocations, enrolments, certificates and policy to a store that holds none.",
                "Makes the place, and the cluster key that it needs, unless they are there."
            },
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "What is private to a machine stays there: signing.key, the gateway's own certificate, audit logs.",
                "Examples:",
                "  token store copy file:/var/lib/culvert redis://db.example:6379/0   from one gateway to several",
                "  token store copy redis://db.example:6379/0 file:/backup/culvert    a backup; and the way back",
                Subcommand.EXIT_CODES
            })
    static final class Copy extends Subcommand {
        @Parameters(index = "0", paramLabel = "FROM", description = "Where it is: a URL as of --store.")
        String from = "";

        @Parameters(index = "1", paramLabel = "TO", description = "Where to put it.")
        String to = "";

        @Option(names = "--json", description = "Print one JSON object instead of words.")
        boolean json;

        @Override
        public Integer call() throws Exception {
            if (store.isGiven()) {
                throw new ParameterException(spec.commandLine(), "--store: write FROM and TO instead");
            }
            Store source = open("FROM", from, false);
            try {
                Store target = open("TO", to, true);
                try {
                    return tell(StoreCopy.copy(source, target));
                } finally {
                    close(target);
                }
            } finally {
                close(source);
            }
        }

        private Store open(String what, String address, boolean founds) throws IOException {
            FileStore own = new FileStore(state.path());
            return store.at(what, address, state.path(), root().env, founds).open(own);
        }

        private static void close(Store opened) throws IOException {
            if (opened instanceof Closeable closeable) {
                closeable.close();
            }
        }

        private Integer tell(StoreCopy.Copied copied) {
            if (json) {
                Map<String, Object> fields = new LinkedHashMap<>();
                fields.put("documents", copied.documents());
                fields.put("enrolments", copied.enrolments());
                print(fields);
            } else {
                print("copied " + copied.documents() + " documents and " + copied.enrolments() + " enrolled tokens to "
                        + to);
            }
            return 0;
        }
    }
}
