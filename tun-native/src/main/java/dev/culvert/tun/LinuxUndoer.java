package dev.culvert.tun;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Undoes steps with {@code ip}. Whether a refused deletion is a failure is decided by looking whether the
 * thing is still there, not by the words of the refusal.
 */
final class LinuxUndoer implements UndoJournal.Undoer {
    private final IpCommand ip;

    LinuxUndoer(IpCommand ip) {
        this.ip = ip;
    }

    @Override
    public List<UndoFailure> undo(List<UndoStep> steps) {
        List<UndoFailure> failures = new ArrayList<>();
        List<UndoStep.DeleteRoute> routes = new ArrayList<>();
        for (UndoStep step : steps) {
            if (step instanceof UndoStep.DeleteRoute route) {
                // Neighbouring routes go in one command: a thousand commands would take ten seconds.
                routes.add(route);
                continue;
            }
            deleteRoutes(routes, failures);
            routes.clear();
            try {
                if (step instanceof UndoStep.DeleteAddress address) {
                    deleteAddress(address);
                } else if (step instanceof UndoStep.RestoreLink link) {
                    restoreLink(link);
                }
            } catch (IOException | RuntimeException e) {
                failures.add(new UndoFailure(step, reason(e)));
            }
        }
        deleteRoutes(routes, failures);
        return failures;
    }

    private static String reason(Exception e) {
        String message = e.getMessage();
        return message == null ? e.toString() : message;
    }

    private void deleteRoutes(List<UndoStep.DeleteRoute> routes, List<UndoFailure> failures) {
        if (routes.isEmpty()) {
            return;
        }
        try {
            List<String> lines = new ArrayList<>();
            for (UndoStep.DeleteRoute route : routes) {
                lines.add(deletion(route));
            }
            for (Map.Entry<Integer, String> failure : ip.batch(lines).entrySet()) {
                UndoStep.DeleteRoute route = routes.get(failure.getKey());
                if (exists(route)) {
                    failures.add(new UndoFailure(
                            route,
                            reason(IpCommand.failure(
                                    "delete route " + route.network() + " of " + route.ifName(), failure.getValue()))));
                }
            }
        } catch (IOException | RuntimeException e) {
            for (UndoStep.DeleteRoute route : routes) {
                failures.add(new UndoFailure(route, reason(e)));
            }
        }
    }

    /** The family follows from the prefix: in a batch, a line takes no options. */
    private static String deletion(UndoStep.DeleteRoute route) {
        IpPrefix prefix = IpPrefix.parse(route.network(), false);
        return "route del " + prefix + " dev " + route.ifName() + " proto " + LinuxHostNetwork.ROUTE_PROTOCOL;
    }

    private boolean exists(UndoStep.DeleteRoute route) throws IOException {
        IpPrefix prefix = IpPrefix.parse(route.network(), false);
        IpCommand.Result result = ip.run(List.of(
                LinuxHostNetwork.family(prefix),
                "route",
                "show",
                "exact",
                prefix.toString(),
                "dev",
                route.ifName(),
                "proto",
                LinuxHostNetwork.ROUTE_PROTOCOL));
        return result.ok() && !result.output().isBlank();
    }

    private boolean hasLink(String ifName) throws IOException {
        return ip.run(List.of("link", "show", "dev", ifName)).ok();
    }

    private void deleteAddress(UndoStep.DeleteAddress step) throws IOException {
        String cidr = step.address() + "/" + step.prefixLength();
        String operation = "delete address " + cidr + " of " + step.ifName();
        IpCommand.Result result = ip.run(List.of("address", "del", cidr, "dev", step.ifName()));
        if (!result.ok()
                && hasLink(step.ifName())
                && LinuxHostNetwork.hasAddress(ip, step.ifName(), step.address(), step.prefixLength(), operation)) {
            throw IpCommand.failure(operation, result.error());
        }
    }

    private void restoreLink(UndoStep.RestoreLink step) throws IOException {
        IpCommand.Result result = ip.run(List.of(
                "link",
                "set",
                "dev",
                step.ifName(),
                "mtu",
                Integer.toString(step.mtu()),
                "txqueuelen",
                Integer.toString(step.txQueueLength()),
                step.up() ? "up" : "down"));
        if (!result.ok() && hasLink(step.ifName())) {
            throw IpCommand.failure("restore link " + step.ifName(), result.error());
        }
    }
}
