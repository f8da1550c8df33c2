package dev.culvert.gateway.command;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SIGHUP, with which daemons are told to read their settings again. The JDK has no public API for signals; {@code
 * sun.misc.Signal} is in {@code jdk.unsupported}, kept for such uses (JEP 260), and is called by reflection because the
 * compiler refuses it by name.
 */
final class HangupSignal {
    private static final Logger log = LoggerFactory.getLogger(HangupSignal.class);

    private HangupSignal() {}

    /** Runs something on each SIGHUP from now on, on a thread of the JVM's; instead of ending the process. */
    static void handle(Runnable then) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object proxy = Proxy.newProxyInstance(
                    HangupSignal.class.getClassLoader(), new Class<?>[] {handler}, (self, method, args) -> {
                        if (method.getName().equals("handle")) {
                            then.run();
                            return null;
                        }
                        return switch (method.getName()) {
                            case "equals" -> self == args[0];
                            case "hashCode" -> System.identityHashCode(self);
                            default -> "handler of SIGHUP";
                        };
                    });
            Method handle = signal.getMethod("handle", signal, handler);
            handle.invoke(null, signal.getConstructor(String.class).newInstance("HUP"), proxy);
        } catch (InvocationTargetException e) {
            log.info("SIGHUP does not reload here ({}); changes of the file do", String.valueOf(e.getCause()));
        } catch (ReflectiveOperationException e) {
            log.info("SIGHUP does not reload here ({}); changes of the file do", e.toString());
        }
    }
}
