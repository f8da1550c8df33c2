package dev.culvert.policy;

import dev.culvert.policy.YamlNode.Sequence;
import dev.culvert.policy.publication.Publication;
import java.util.List;

/** An agent's own file of what it publishes: the {@code publications:} of a policy, without naming the agent. */
public final class AgentPublications {
    private static final String SECTION = "publications";

    private AgentPublications() {}

    /**
     * Reads the text of a file.
     *
     * @throws PolicyException with all that is wrong, by line and column
     */
    public static List<Publication> parse(String text) throws PolicyException {
        YamlNode root = YamlReader.read(text);
        Problems problems = new Problems();
        YamlNode node = new Fields(problems, root, "a file of publications", List.of(SECTION)).get(SECTION);
        List<Publication> out = List.of();
        if (node instanceof Sequence list) {
            out = new PublicationReader(problems).ofAgent(list);
        } else {
            problems.add(
                    root,
                    "a file of publications lacks the list 'publications:'; one that publishes nothing says 'publications: []'");
        }
        problems.throwIfAny();
        return List.copyOf(out);
    }
}
