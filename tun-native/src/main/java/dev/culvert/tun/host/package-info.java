/**
 * The host's network as it shall be: addresses and routes are declared, not done.
 *
 * <p>A {@link dev.culvert.tun.host.HostConfig} says what is wanted, a {@link dev.culvert.tun.host.HostState} what is; {@code HostPlan}
 * computes the difference, without touching anything. {@link dev.culvert.tun.host.HostKeeper} has the {@link
 * dev.culvert.tun.host.Host} make it, after the {@link dev.culvert.tun.undo.UndoJournal} has it on disk how to take it back. {@link
 * dev.culvert.tun.host.HostWatch} says when to look again. A {@code Host} of Linux speaks rtnetlink, one of macOS runs its programs, one of
 * Windows calls its functions.
 *
 * <p>Everything here blocks and belongs on a thread that may.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.host;
