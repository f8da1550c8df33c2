package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBufUtil;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where a flow goes: protocol, host (an address or a name) and port.
 *
 * @param protocol IP protocol number: {@link #TCP}, {@link #UDP} or {@link #ICMP} (echo, for IPv6 too)
 * @param address the host's address, or null when {@code name} is set
 * @param name the host's name, or null when {@code address} is set; resolved by the agent
 * @param port 1–65535, or the echo identifier 0–65535 for {@link #ICMP}
 */
public record Destination(
        int protocol,
        @Nullable InetAddress address,
        @Nullable String name,
        int port) {
    public static final int ICMP = 1;
    public static final int TCP = 6;
    public static final int UDP = 17;
    /** Longest name, RFC 1035 2.3.4. */
    public static final int MAX_NAME = 253;

    public Destination {
        if (protocol != TCP && protocol != UDP && protocol != ICMP) {
            throw new IllegalArgumentException(
                    "destination protocol=" + protocol + ", use 6 (TCP), 17 (UDP) or 1 (ICMP)");
        }
        if ((address == null) == (name == null)) {
            throw new IllegalArgumentException("destination needs either an address or a name");
        }
        if (name != null) {
            int length = ByteBufUtil.utf8Bytes(name); // as it goes on the wire, where one byte tells it
            if (length == 0 || length > MAX_NAME) {
                throw new IllegalArgumentException(
                        "destination name length=" + length + " bytes, allowed 1.." + MAX_NAME);
            }
            if (name.chars().anyMatch(c -> c <= ' ' || c == 0x7f)) { // names go into logs and resolvers
                throw new IllegalArgumentException("destination name has a space or control character");
            }
        }
        if (port < (protocol == ICMP ? 0 : 1) || port > 0xffff) {
            throw new IllegalArgumentException("destination port=" + port + ", allowed 1..65535");
        }
    }

    public static Destination of(int protocol, InetAddress address, int port) {
        return new Destination(protocol, Objects.requireNonNull(address), null, port);
    }

    public static Destination ofName(int protocol, String name, int port) {
        return new Destination(protocol, null, Objects.requireNonNull(name), port);
    }

    /** True for byte streams (TCP): DATA, FIN and CREDIT; false for datagrams. */
    public boolean isStream() {
        return protocol == TCP;
    }

    public String hostText() {
        return name != null ? name : NetUtil.toAddressString(Objects.requireNonNull(address));
    }

    @Override
    public String toString() {
        String host = hostText();
        String proto = protocol == TCP ? "tcp" : protocol == UDP ? "udp" : "icmp";
        return proto + " " + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + (protocol == ICMP ? "" : ":" + port);
    }
}
