package dev.culvert.policy;

import dev.culvert.policy.YamlNode.Mapping;
import dev.culvert.policy.YamlNode.Member;
import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.policy.YamlNode.Sequence;
import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The members of one mapping, of which only certain keys are known. What is wrong with it goes to {@link Problems}. */
final class Fields {
    private final Problems problems;
    private final YamlNode where;
    private final String what;
    private final Map<String, YamlNode> values = new LinkedHashMap<>();

    /**
     * @param what of which the keys are, for messages, like {@code a grant}
     * @param known every key that may occur
     */
    Fields(Problems problems, YamlNode node, String what, List<String> known) {
        this.problems = problems;
        this.where = node;
        this.what = what;
        if (!(node instanceof Mapping mapping)) {
            problems.add(
                    node,
                    what + " is " + node.kind() + "; write keys and values like '" + known.get(0)
                            + ": ...', one a line");
            return;
        }
        unique(problems, mapping, what).forEach((key, value) -> {
            if (known.contains(key.text())) {
                values.put(key.text(), value);
            } else {
                problems.add(
                        key,
                        what + " has no '" + Printable.shorten(key.text()) + "'; " + Problems.meant(key.text(), known));
            }
        });
    }

    /** The members by key, each key once. */
    static Map<Scalar, YamlNode> unique(Problems problems, Mapping mapping, String what) {
        Map<String, Scalar> seen = new LinkedHashMap<>();
        Map<Scalar, YamlNode> out = new LinkedHashMap<>();
        for (Member member : mapping.members()) {
            Scalar first = seen.putIfAbsent(member.key().text(), member.key());
            if (first != null) {
                problems.add(
                        member.key(),
                        what + " has '" + Printable.shorten(member.key().text()) + "' on line " + first.line()
                                + " already; join the two");
            } else {
                out.put(member.key(), member.value());
            }
        }
        return out;
    }

    @Nullable
    YamlNode get(String key) {
        return values.get(key);
    }

    /** One text, or null when it is not there or not one. */
    @Nullable
    Scalar text(String key) {
        YamlNode node = values.get(key);
        if (node == null) {
            return null;
        }
        if (!(node instanceof Scalar scalar) || scalar.text().isEmpty()) {
            problems.add(
                    node,
                    "'" + key + "' of " + what + " must be one text, not "
                            + (node instanceof Scalar ? "empty" : node.kind()));
            return null;
        }
        return scalar;
    }

    /** One text or a list of them; empty when the key is not there. */
    List<Scalar> texts(String key) {
        YamlNode node = values.get(key);
        return node == null ? List.of() : texts(problems, node, "'" + key + "' of " + what);
    }

    /** The same, and it is a problem when there is none. */
    List<Scalar> required(String key, String cure) {
        if (!values.containsKey(key)) {
            if (where instanceof Mapping) {
                problems.add(where, what + " lacks '" + key + "'; " + cure);
            }
            return List.of();
        }
        List<Scalar> list = texts(key);
        if (list.isEmpty() && values.get(key) instanceof Sequence) {
            problems.add(where, "'" + key + "' of " + what + " is an empty list; " + cure);
        }
        return list;
    }

    static List<Scalar> texts(Problems problems, YamlNode node, String what) {
        List<Scalar> out = new ArrayList<>();
        for (YamlNode item : node instanceof Sequence list ? list.items() : List.of(node)) {
            if (item instanceof Scalar scalar && !scalar.text().isEmpty()) {
                out.add(scalar);
            } else {
                problems.add(
                        item,
                        what + " must be a text or a list of texts, here is "
                                + (item instanceof Scalar ? "nothing" : item.kind()));
            }
        }
        return out;
    }
}
