/**
 * How macOS does it: {@link dev.culvert.tun.macos.Utun} is a device of the kernel control utun, which {@code UtunChannel} reads and
 * writes on a loop with kqueue ({@code KQueueWatch}). {@link dev.culvert.tun.macos.MacosHost} reads the network from sysctl(3)
 * ({@code RouteMessages}) and changes it by programs ({@code NetworkCommands}), {@code RouteEvents} hears of changes, {@link
 * dev.culvert.tun.macos.MacosResolver} sets up names. {@code Xnu} has the kernel's numbers and structures, {@code DarwinC} its calls.
 *
 * <p>Nothing here loads a native library before something of a Mac is opened: on other systems these classes are harmless.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.macos;
