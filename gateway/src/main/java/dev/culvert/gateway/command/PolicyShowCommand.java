package dev.culvert.gateway.command;

import dev.culvert.gateway.access.PolicyFile;
import dev.culvert.gateway.access.SharedPolicy;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyParser;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Command;

/** {@code gateway policy show}. */
@Command(
        name = "show",
        description = {
            "Says which version of the policy is on the store that several gateways share, and what is in it. What a gateway has",
            "in force is 'gateway status's to say."
        },
        mixinStandardHelpOptions = true)
final class PolicyShowCommand extends OnStore {
    @Override
    public Integer call() throws IOException {
        SharedPolicy shared = new SharedPolicy(open().shared());
        SharedPolicy.Pushed there = require(shared);
        Policy policy;
        try {
            policy = PolicyParser.parse(there.text());
        } catch (PolicyException e) { // pushed by a later version, perhaps
            invocation.tell(Path.of(PolicyFile.NAME), e.errors());
            return 1;
        }
        if (invocation.json) {
            Map<String, Object> fields = fields(shared, there);
            fields.put("grants", policy.grants().size());
            fields.put("denies", policy.denies().size());
            invocation.json(fields);
        } else {
            invocation.print(shared.where() + " is version " + there.version() + ": "
                    + policy.grants().size() + " grants, " + policy.denies().size() + " denies, sha256 "
                    + there.sha256());
            there.text().lines().findFirst().ifPresent(head -> invocation.print("  " + head));
        }
        return 0;
    }
}
