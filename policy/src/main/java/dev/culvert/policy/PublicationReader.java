package dev.culvert.policy;

import dev.culvert.policy.YamlNode.Mapping;
import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.policy.YamlNode.Sequence;
import dev.culvert.policy.publication.PublicPlaces;
import dev.culvert.policy.publication.PublicSide;
import dev.culvert.policy.publication.Publication;
import dev.culvert.policy.publication.PublicationOption;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.policy.publication.ServiceTarget;
import dev.culvert.token.HolderName;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads what is published out of a policy file, or out of an agent's own, which says the same without naming the agent. */
final class PublicationReader {
    private static final String AGENT = "agent";
    private static final String PUBLIC = "public";
    private static final String TARGET = "target";
    private static final List<String> OF_AGENT = Stream.concat(
                    Stream.of(PUBLIC, TARGET), PublicationOptions.NAMES.stream())
            .toList();
    private static final List<String> OF_POLICY =
            Stream.concat(Stream.of(AGENT), OF_AGENT.stream()).toList();
    private static final String WHAT = "a publication";

    private final Problems problems;
    private final PublicPlaces<Integer> places = new PublicPlaces<>();

    PublicationReader(Problems problems) {
        this.problems = problems;
    }

    /** Those of a policy. */
    List<PolicyPublication> ofPolicy(List<YamlNode> items) {
        List<PolicyPublication> out = new ArrayList<>();
        for (YamlNode node : items) {
            Fields fields = new Fields(problems, node, WHAT, OF_POLICY);
            Scalar agent = required(node, fields, AGENT, "name the one agent behind which the target is");
            Publication publication = members(node, fields);
            if (agent != null && isAgent(agent) && publication != null) {
                out.add(new PolicyPublication(node.line(), agent.text(), publication));
            }
        }
        return out;
    }

    /** Those of an agent's own file, each as members or in one text. */
    List<Publication> ofAgent(Sequence list) {
        if (list.items().size() > Publication.MAX_OF_AGENT) {
            problems.add(
                    list,
                    "there are " + list.items().size() + " publications: an agent has at most "
                            + Publication.MAX_OF_AGENT + "; use wildcards, or another agent");
        }
        List<Publication> out = new ArrayList<>();
        for (YamlNode node : list.items()) {
            Publication publication = node instanceof Scalar text
                    ? placed(node, parsed(text, Publication::parse))
                    : members(node, new Fields(problems, node, WHAT, OF_AGENT));
            if (publication != null) {
                out.add(publication);
            }
        }
        return out;
    }

    private boolean isAgent(Scalar text) {
        if (!HolderName.isValid(text.text())) {
            problems.add(text, "a publication is reached through one agent; name it, without tag: or \"*\"");
            return false;
        }
        return true;
    }

    private @Nullable Publication members(YamlNode node, Fields fields) {
        Scalar at = required(node, fields, PUBLIC, "write app.example.com, app.example.com/api or tcp:2222");
        Scalar to = required(node, fields, TARGET, "write http://192.168.77.10:8080, or 192.168.77.10:22 for ports");
        PublicSide side = at == null ? null : parsed(at, PublicSide::parse);
        ServiceTarget target = to == null ? null : parsed(to, ServiceTarget::parse);
        PublicationOptions options = PublicationOptions.NONE;
        for (PublicationOption option : PublicationOption.values()) {
            for (Scalar value : values(fields, option)) {
                PublicationOptions before = options;
                options = Objects.requireNonNullElse(
                        parsed(value, text -> before.with(option.toString(), before.joined(option, text))), before);
            }
        }
        if (side == null || target == null) {
            return null;
        }
        try {
            return placed(node, new Publication(side, target, options));
        } catch (IllegalArgumentException e) {
            problems.add(node, e);
            return null;
        }
    }

    /** One text, or of an option that is a list each of them. */
    private static List<Scalar> values(Fields fields, PublicationOption option) {
        if (option.isList()) {
            return fields.texts(option.toString());
        }
        Scalar value = fields.text(option.toString());
        return value == null ? List.of() : List.of(value);
    }

    private @Nullable Scalar required(YamlNode node, Fields fields, String key, String cure) {
        if (node instanceof Mapping && fields.get(key) == null) {
            problems.add(node, WHAT + " lacks '" + key + "'; " + cure);
        }
        return fields.text(key);
    }

    private <T> @Nullable T parsed(Scalar text, Function<String, T> parser) {
        try {
            return parser.apply(text.text());
        } catch (IllegalArgumentException e) {
            problems.add(text, e);
            return null;
        }
    }

    /** What another one has already cannot be had twice. */
    private @Nullable Publication placed(YamlNode node, @Nullable Publication publication) {
        if (publication == null) {
            return null;
        }
        Integer line = places.inTheWay(publication);
        if (line != null) {
            problems.add(node, "'" + publication.at() + "' is published on line " + line + " already; leave one out");
            return null;
        }
        places.take(publication, node.line());
        return publication;
    }
}
