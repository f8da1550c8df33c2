package dev.culvert.tun.windows;

import com.sun.jna.Callback;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import dev.culvert.tun.host.HostWatch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * What iphlpapi.dll calls us back about, on threads of its own: routes, interfaces, addresses. What is said of each is of no
 * interest: the tables are read anew.
 */
final class IpEvents implements HostWatch.Events {
    /** P...CHANGE_CALLBACK, all of one form: the context, a row, and what happened to it. */
    interface Changed extends Callback {
        void invoke(Pointer context, Pointer row, int type);
    }

    static final List<String> FUNCTIONS =
            List.of("NotifyRouteChange2", "NotifyIpInterfaceChange", "NotifyUnicastIpAddressChange");

    private final NativeLibrary library;
    private final List<Pointer> handles = new ArrayList<>();
    private final Semaphore news = new Semaphore(0);

    /** Kept here: Windows calls it for as long as it is not told otherwise, and JNA lets go of what nobody has. */
    private final Changed changed = (context, row, type) -> news.release();

    private IpEvents(NativeLibrary library) {
        this.library = library;
    }

    /**
     * Begins to listen.
     *
     * @param library's name, or its absolute path
     * @throws IOException in one line
     */
    static IpEvents open(String library) throws IOException {
        IpEvents events;
        try {
            events = new IpEvents(NativeLibrary.getInstance(library));
        } catch (LinkageError e) {
            throw new IOException("load " + library + ": " + e.getMessage(), e);
        }
        for (String function : FUNCTIONS) {
            int error = events.listen(function);
            if (error != 0) {
                events.close();
                throw new IOException(function + ": " + WindowsError.text(error));
            }
        }
        return events;
    }

    private int listen(String function) {
        try (Memory handle = new Memory(Native.POINTER_SIZE)) {
            int error = library.getFunction(function)
                    .invokeInt(new Object[] {IphlpApi.AF_UNSPEC, changed, Pointer.NULL, 0, handle});
            if (error == 0) {
                handles.add(handle.getPointer(0));
            }
            return error;
        }
    }

    @Override
    public boolean await(int millis) throws IOException {
        try {
            boolean any = news.tryAcquire(millis, TimeUnit.MILLISECONDS);
            news.drainPermits();
            return any;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("wait for changes of the network: interrupted", e);
        }
    }

    /** Waits for callbacks that run; so never from one. */
    @Override
    public void close() {
        for (Pointer handle : handles) {
            library.getFunction("CancelMibChangeNotify2").invokeInt(new Object[] {handle});
        }
        handles.clear();
    }
}
