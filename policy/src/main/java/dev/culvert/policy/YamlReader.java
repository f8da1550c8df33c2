package dev.culvert.policy;

import dev.culvert.policy.YamlNode.Mapping;
import dev.culvert.policy.YamlNode.Member;
import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.policy.YamlNode.Sequence;
import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Makes a {@link YamlNode} of the parser's events. Anchors, aliases and tags are refused: a policy needs none, and an alias
 * to an alias makes gigabytes of a line.
 */
final class YamlReader {
    /** Characters of a file: thirty thousand grants, with long comments. */
    static final int MAX_CHARACTERS = 4 << 20;

    /** The language itself is five deep; what is deeper is no policy, and the reader is recursive. */
    static final int MAX_DEPTH = 12;

    /**
     * Texts, lists and members: thirty thousand grants. To read and compile so many takes less than 96 MiB, beside what the gateway
     * has in its heap for flows; seven times as many ended it.
     */
    static final int MAX_NODES = 250_000;

    private final Iterator<Event> events;
    private int nodes;

    private YamlReader(String text) {
        LoadSettings settings = LoadSettings.builder()
                .setCodePointLimit(MAX_CHARACTERS)
                .setParseComments(false)
                .build();
        this.events = new Parse(settings).parseString(text).iterator();
    }

    /**
     * Reads one document.
     *
     * @throws PolicyException with the one place where it stops being YAML as a policy may use it
     */
    static Mapping read(String text) throws PolicyException {
        if (text.length() > MAX_CHARACTERS) {
            throw new PolicyException(
                    1, 1, "the file has " + text.length() + " characters: at most " + MAX_CHARACTERS + " are read");
        }
        try {
            return new YamlReader(text).document();
        } catch (MarkedYamlEngineException e) {
            Optional<Mark> mark = e.getProblemMark().or(e::getContextMark);
            throw new PolicyException(
                    mark.map(m -> m.getLine() + 1).orElse(1),
                    mark.map(m -> m.getColumn() + 1).orElse(1),
                    "this is not YAML: " + Printable.shorten(String.valueOf(e.getProblem()))
                            + "; check indentation, quotes and brackets here and on the line before");
        } catch (YamlEngineException e) {
            String message = String.valueOf(e.getMessage());
            throw new PolicyException(
                    1,
                    1,
                    "this is not YAML: "
                            + Printable.shorten(message.lines().findFirst().orElse(message))
                            + "; write it in UTF-8 without control characters");
        }
    }

    private Mapping document() throws PolicyException {
        next(); // stream start
        Event first = next();
        if (first.getEventId() == Event.ID.StreamEnd) {
            throw new PolicyException(1, 1, "the file is empty: a policy that denies everything says 'grants: []'");
        }
        Event root = next();
        YamlNode node = node(root, 0);
        if (!(node instanceof Mapping mapping)) {
            throw new PolicyException(
                    node.line(),
                    node.column(),
                    "a policy has sections like 'grants:' at its top, here is " + node.kind());
        }
        next(); // document end
        Event after = next();
        if (after.getEventId() != Event.ID.StreamEnd) {
            throw new PolicyException(
                    line(after), column(after), "a second document begins: a policy is one; remove '---'");
        }
        return mapping;
    }

    private Event next() {
        return events.next();
    }

    private YamlNode node(Event event, int depth) throws PolicyException {
        int line = line(event);
        int column = column(event);
        if (event instanceof AliasEvent
                || event instanceof NodeEvent n && n.getAnchor().isPresent()) {
            throw new PolicyException(
                    line,
                    column,
                    "anchors (&) and aliases (*) are not read: use groups, tags, hosts and services; quote a text"
                            + " that begins with & or *, like \"*.corp.example\"");
        }
        if (depth > MAX_DEPTH) {
            throw new PolicyException(line, column, "nested deeper than " + MAX_DEPTH + " levels, as no policy is");
        }
        if (++nodes > MAX_NODES) {
            throw new PolicyException(
                    line, column, "more than " + MAX_NODES + " texts and lists: use groups and prefixes");
        }
        return switch (event.getEventId()) {
            case Scalar -> new Scalar(((ScalarEvent) event).getValue(), line, column);
            case SequenceStart -> {
                List<YamlNode> items = new ArrayList<>();
                for (Event e = next(); e.getEventId() != Event.ID.SequenceEnd; e = next()) {
                    items.add(node(e, depth + 1));
                }
                yield new Sequence(items, line, column);
            }
            case MappingStart -> {
                List<Member> members = new ArrayList<>();
                for (Event e = next(); e.getEventId() != Event.ID.MappingEnd; e = next()) {
                    if (!(node(e, depth + 1) instanceof Scalar key)) {
                        throw new PolicyException(line(e), column(e), "a key must be text, like 'who:'");
                    }
                    members.add(new Member(key, node(next(), depth + 1)));
                }
                yield new Mapping(members, line, column);
            }
            default -> throw new PolicyException(line, column, "unexpected " + event.getEventId());
        };
    }

    private static int line(Event event) {
        return event.getStartMark().map(m -> m.getLine() + 1).orElse(1);
    }

    private static int column(Event event) {
        return event.getStartMark().map(m -> m.getColumn() + 1).orElse(1);
    }
}
