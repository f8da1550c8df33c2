package dev.culvert.tun.windows;

import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostChange;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.host.HostWatch;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Windows, by iphlpapi.dll: read as its tables ({@link IpTables}), changed by its functions ({@link IpAction}). What it makes ends
 * with a reboot.
 */
public final class WindowsHost implements Host {
    private final NetIo netIo;
    private final Names names;

    /** What takes back what was set about names; opened only if there is any. */
    interface Names {
        void undo(UndoStep.DeleteNameRules step) throws IOException;
    }

    WindowsHost(NetIo netIo, Names names) {
        this.netIo = netIo;
        this.names = names;
    }

    /** This machine. */
    public static WindowsHost open() throws IOException {
        return new WindowsHost(IphlpApi.open(), step -> {
            RegistryApi registry = RegistryApi.open();
            WindowsResolver.undo(step, registry, SystemActions.own(), registry.systemDirectory());
        });
    }

    /** What Windows tells of this machine's network. */
    public static HostWatch.Source events() {
        return () -> IpEvents.open(IphlpApi.LIBRARY);
    }

    @Override
    public HostState read() throws IOException {
        return IpTables.read(netIo).state();
    }

    @Override
    public Map<HostChange, String> make(List<HostChange> changes) throws IOException {
        IpTables tables = IpTables.read(netIo);
        Map<HostChange, String> refused = new LinkedHashMap<>();
        for (HostChange change : changes) {
            List<IpAction> actions = IpChanges.of(change, tables);
            int error = perform(actions, WindowsError.ERROR_OBJECT_ALREADY_EXISTS);
            if (error != 0) {
                refused.put(change, words(error));
            }
        }
        return refused;
    }

    @Override
    public List<UndoFailure> undo(List<UndoStep> steps) {
        List<UndoFailure> failures = new ArrayList<>();
        IpTables tables = null;
        for (UndoStep step : steps) {
            try {
                if (step instanceof UndoStep.DeleteNameRules rules) {
                    names.undo(rules);
                    continue;
                }
                tables = tables == null ? IpTables.read(netIo) : tables;
                int error = perform(IpChanges.undo(step, Objects.requireNonNull(tables)), WindowsError.ERROR_NOT_FOUND);
                if (error != 0) {
                    failures.add(new UndoFailure(step, words(error)));
                }
            } catch (IOException e) {
                failures.add(new UndoFailure(step, String.valueOf(e.getMessage())));
            }
        }
        return failures;
    }

    /** @return the last error that is not the one that means there is nothing left to do */
    private int perform(List<IpAction> actions, int doneAlready) {
        int failed = 0;
        for (IpAction action : actions) {
            int error = netIo.perform(action);
            if (error != 0 && error != doneAlready) {
                failed = error;
            }
        }
        return failed;
    }

    private static String words(int error) {
        return WindowsError.text(error)
                + (error == WindowsError.ERROR_ACCESS_DENIED
                        ? "; run this in a prompt that was opened as administrator"
                        : "");
    }

    @Override
    public void close() {}
}
