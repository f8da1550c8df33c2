package dev.culvert.stack;

import java.net.InetSocketAddress;

/**
 * A user event of a {@link UdpFlow} or {@link EchoFlow}: the application's kernel has answered something that we delivered
 * with an ICMP error. A port unreachable, for instance, says that the application has closed its socket.
 *
 * @param type the ICMP type, of the version that the flow's addresses have
 * @param code the ICMP code
 * @param remote whose datagram it was about; the port is 0 for an echo flow
 */
public record IcmpErrorEvent(int type, int code, InetSocketAddress remote) {}
