package dev.culvert.tun.undo;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The lines of an {@link UndoJournal}: one JSON object each, told apart by its member {@code record}. */
final class UndoRecords {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private static final String RECORD = "record";
    private static final String OWNER = "owner";
    private static final String UNDONE = "undone";
    private static final String RESTORE_LINK = "restore-link";
    private static final String DELETE_ADDRESS = "delete-address";
    private static final String DELETE_ROUTE = "delete-route";
    private static final String DELETE_UNREACHABLE = "delete-unreachable";
    private static final String RESTORE_RESOLV_CONF = "restore-resolv-conf";
    private static final String REVERT_RESOLVED = "revert-resolved";
    private static final String DELETE_RESOLVCONF = "delete-resolvconf";

    private static final String DELETE_RESOLVER_FILE = "delete-resolver-file";
    private static final String REMOVE_RESOLVER_KEY = "remove-resolver-key";
    private static final String DELETE_NAME_RULES = "delete-name-rules";

    /** Steps are counted from 1; what is far beyond was not counted by us. */
    private static final long MAX_ID = 1L << 53;

    private UndoRecords() {}

    static void writeOwner(ProcessIdentity owner, StringBuilder out) {
        line(record(OWNER).put("pid", owner.pid()).put("start", owner.start()).put("boot", owner.boot()), out);
    }

    static void writeUndone(long id, StringBuilder out) {
        line(record(UNDONE).put("id", id), out);
    }

    static void writeStep(long id, UndoStep step, StringBuilder out) {
        ObjectNode node;
        if (step instanceof UndoStep.RestoreLink link) {
            node = record(RESTORE_LINK)
                    .put("if", link.ifName())
                    .put("mtu", link.mtu())
                    .put("txQueueLength", link.txQueueLength())
                    .put("up", link.up());
        } else if (step instanceof UndoStep.DeleteAddress address) {
            node = record(DELETE_ADDRESS)
                    .put("if", address.ifName())
                    .put("address", address.address())
                    .put("prefixLength", address.prefixLength());
        } else if (step instanceof UndoStep.DeleteRoute route) {
            node = record(DELETE_ROUTE).put("network", route.network()).put("if", route.ifName());
        } else if (step instanceof UndoStep.DeleteUnreachable route) {
            node = record(DELETE_UNREACHABLE).put("network", route.network());
        } else if (step instanceof UndoStep.RestoreResolvConf file) {
            node = record(RESTORE_RESOLV_CONF)
                    .put("path", file.path())
                    .put("kind", file.kind().name())
                    .put("content", file.content())
                    .put("mode", file.mode())
                    .put("uid", file.uid())
                    .put("gid", file.gid())
                    .put("mark", file.mark());
        } else if (step instanceof UndoStep.RevertResolved resolved) {
            node = record(REVERT_RESOLVED).put("if", resolved.ifName());
        } else if (step instanceof UndoStep.DeleteResolvconf resolvconf) {
            node = record(DELETE_RESOLVCONF).put("name", resolvconf.record());
        } else if (step instanceof UndoStep.DeleteResolverFile file) {
            node = record(DELETE_RESOLVER_FILE).put("name", file.name());
        } else if (step instanceof UndoStep.RemoveResolverKey) {
            node = record(REMOVE_RESOLVER_KEY);
        } else if (step instanceof UndoStep.DeleteNameRules rules) {
            node = record(DELETE_NAME_RULES).put("if", rules.ifName());
        } else {
            throw new IllegalArgumentException("undo step " + step + " has no record form");
        }
        line(node.put("id", id), out);
    }

    private static ObjectNode record(String kind) {
        return JSON.createObjectNode().put(RECORD, kind);
    }

    private static void line(ObjectNode node, StringBuilder out) {
        out.append(JSON.writeValueAsString(node)).append('\n');
    }

    /** Hands the line's meaning to the journal; false when it has none. */
    static boolean read(String line, UndoJournal journal) {
        try {
            JsonNode node = JSON.readTree(line);
            switch (node.path(RECORD).asString("")) {
                case OWNER:
                    journal.loadedOwner(new ProcessIdentity(
                            node.required("pid").longValue(),
                            node.required("start").longValue(),
                            node.required("boot").stringValue()));
                    return true;
                case UNDONE:
                    journal.loadedUndone(id(node));
                    return true;
                case RESTORE_LINK:
                    return step(
                            node,
                            new UndoStep.RestoreLink(
                                    ifName(node),
                                    node.required("mtu").intValue(),
                                    node.required("txQueueLength").intValue(),
                                    node.required("up").booleanValue()),
                            journal);
                case DELETE_ADDRESS:
                    return step(
                            node,
                            new UndoStep.DeleteAddress(
                                    ifName(node),
                                    node.required("address").stringValue(),
                                    node.required("prefixLength").intValue()),
                            journal);
                case DELETE_ROUTE:
                    return step(
                            node,
                            new UndoStep.DeleteRoute(node.required("network").stringValue(), ifName(node)),
                            journal);
                case DELETE_UNREACHABLE:
                    return step(
                            node,
                            new UndoStep.DeleteUnreachable(
                                    node.required("network").stringValue()),
                            journal);
                case RESTORE_RESOLV_CONF:
                    return step(
                            node,
                            new UndoStep.RestoreResolvConf(
                                    node.required("path").stringValue(),
                                    UndoStep.RestoreResolvConf.Kind.valueOf(
                                            node.required("kind").stringValue()),
                                    node.required("content").stringValue(),
                                    node.required("mode").intValue(),
                                    node.required("uid").intValue(),
                                    node.required("gid").intValue(),
                                    node.path("mark").asString("")),
                            journal);
                case REVERT_RESOLVED:
                    return step(node, new UndoStep.RevertResolved(ifName(node)), journal);
                case DELETE_RESOLVCONF:
                    return step(
                            node,
                            new UndoStep.DeleteResolvconf(node.required("name").stringValue()),
                            journal);
                case DELETE_RESOLVER_FILE:
                    return step(
                            node,
                            new UndoStep.DeleteResolverFile(
                                    node.required("name").stringValue()),
                            journal);
                case REMOVE_RESOLVER_KEY:
                    return step(node, new UndoStep.RemoveResolverKey(), journal);
                case DELETE_NAME_RULES:
                    return step(node, new UndoStep.DeleteNameRules(ifName(node)), journal);
                default:
                    return false;
            }
        } catch (JacksonException | IllegalArgumentException e) {
            return false;
        }
    }

    private static long id(JsonNode node) {
        long id = node.required("id").longValue();
        if (id < 1 || id > MAX_ID) {
            throw new IllegalArgumentException("step " + id + " is none of ours");
        }
        return id;
    }

    private static String ifName(JsonNode node) {
        return node.required("if").stringValue();
    }

    private static boolean step(JsonNode node, UndoStep step, UndoJournal journal) {
        journal.loadedStep(id(node), step);
        return true;
    }
}
