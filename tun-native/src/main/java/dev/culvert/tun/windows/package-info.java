/**
 * Windows. {@link dev.culvert.tun.windows.WindowsTun} is a Wintun adapter: {@link dev.culvert.tun.windows.WintunDll} has put the DLL
 * where only administrators write, {@link dev.culvert.tun.windows.Wintun} is its functions and {@link
 * dev.culvert.tun.windows.Kernel32} those by which its ring ({@link dev.culvert.tun.windows.WintunRing}) is waited for. {@link dev.culvert.tun.windows.IpInterface} is its MTU.
 *
 * <p>{@link dev.culvert.tun.windows.WindowsHost} is the machine's network: {@link dev.culvert.tun.windows.IpTables} of rows ({@link
 * dev.culvert.tun.windows.IpRows}), and {@link dev.culvert.tun.windows.IpAction}s that {@link dev.culvert.tun.windows.IpChanges} makes
 * of changes; done by {@link dev.culvert.tun.windows.IphlpApi}, which {@link dev.culvert.tun.windows.IpEvents} are heard from, too.
 *
 * <p>{@link dev.culvert.tun.windows.WindowsResolver} keeps {@link dev.culvert.tun.windows.NameRules} in the {@link
 * dev.culvert.tun.windows.Registry}, which {@link dev.culvert.tun.windows.RegistryApi} is.
 *
 * <p>Merely naming these classes loads no library: {@link dev.culvert.tun.windows.Wintun#load} does.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.windows;
