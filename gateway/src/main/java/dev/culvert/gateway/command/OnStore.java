package dev.culvert.gateway.command;

import dev.culvert.gateway.access.SharedPolicy;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.token.store.StoreOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;

/** What has to do with the policy that gateways share on a store. */
abstract class OnStore implements Callable<Integer> {
    @Mixin
    PolicyCommand.Invocation invocation = new PolicyCommand.Invocation();

    @Mixin
    StoreOptions store = new StoreOptions();

    final StateDirectory open() throws IOException {
        Path path = invocation.state != null ? invocation.state : StateDirectory.defaultPath();
        StateDirectory directory =
                StateDirectory.open(path, Clock.systemUTC(), store.choice(path, System.getenv(), false));
        if (!directory.isOfCluster()) {
            throw new IOException("the policy of a gateway with files is the file " + invocation.file(null)
                    + ": write it there; --store URL names a store that several gateways share");
        }
        return directory;
    }

    final Map<String, Object> fields(SharedPolicy policy, SharedPolicy.Pushed there) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("policy", policy.where());
        fields.put("version", there.version());
        fields.put("sha256", there.sha256());
        return fields;
    }

    static SharedPolicy.Pushed require(SharedPolicy policy) throws IOException {
        SharedPolicy.Pushed there = policy.read();
        if (there == null) {
            throw new IOException("there is no " + policy.where()
                    + " yet: the tokens' grants alone decide; gateway policy" + " push FILE puts one there");
        }
        return there;
    }
}
