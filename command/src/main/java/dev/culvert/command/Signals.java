package dev.culvert.command;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * Signals, for what the JVM does not do with them by itself. The JDK has no public API for them; {@code sun.misc.Signal} is in
 * {@code jdk.unsupported}, kept for such uses (JEP 260), and is called by reflection because the compiler refuses it by name.
 */
public final class Signals {
    private Signals() {}

    /**
     * Runs something on each such signal from now on, on a thread of the JVM's; instead of ending the process.
     *
     * @param name such as {@code HUP}
     * @return null; or why it is not so
     */
    public static @Nullable String handle(String name, Runnable then) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object proxy = Proxy.newProxyInstance(
                    Signals.class.getClassLoader(), new Class<?>[] {handler}, (self, method, args) -> {
                        if (method.getName().equals("handle")) {
                            then.run();
                            return null;
                        }
                        return switch (method.getName()) {
                            case "equals" -> self == args[0];
                            case "hashCode" -> System.identityHashCode(self);
                            default -> "handler of SIG" + name;
                        };
                    });
            Method handle = signal.getMethod("handle", signal, handler);
            handle.invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
            return null;
        } catch (InvocationTargetException e) {
            return String.valueOf(e.getCause());
        } catch (ReflectiveOperationException e) {
            return e.toString();
        }
    }
}
