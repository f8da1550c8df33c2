/**
 * The packets of a TUN channel written down while it runs, as pcap. A {@link dev.culvert.tun.capture.PacketCapture} is a handler that
 * is put into the channel's pipeline for as long as somebody looks, so that it costs nothing while nobody does; it copies those that
 * a {@link dev.culvert.tun.capture.PacketFilter} lets through, as {@link dev.culvert.tun.capture.Pcap} has them, into a bounded
 * queue. Whoever writes them down takes them from there: {@link dev.culvert.tun.capture.CaptureFile}, a thread with a file.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.capture;
