/**
 * Windows. {@link dev.culvert.tun.windows.WindowsTun} is a Wintun adapter: {@link dev.culvert.tun.windows.WintunDll} has put the DLL
 * where only administrators write, {@link dev.culvert.tun.windows.Wintun} is its functions and {@link
 * dev.culvert.tun.windows.Kernel32} those by which its ring ({@link dev.culvert.tun.windows.WintunRing}) is waited for. {@link dev.culvert.tun.windows.IpInterface} is its MTU.
 *
 * <p>Merely naming these classes loads no library: {@link dev.culvert.tun.windows.Wintun#load} does.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.windows;
