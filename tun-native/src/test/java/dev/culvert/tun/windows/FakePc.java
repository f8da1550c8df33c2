package dev.culvert.tun.windows;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.system.SystemProgram;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.NullUnmarked;

/**
 * A PC's network as the pages of netioapi.h's functions have it: families of interfaces, addresses with the routes that the system makes
 * for them, and a table in which interface, network and next hop together are one route. Reads and writes rows by numbers of its own. Beside
 * it a registry, and the programs that are known here.
 */
@NullUnmarked
final class FakePc implements NetIo, Registry, SystemActions {
    private static final int NOT_FOUND = 1168;
    private static final int INVALID_PARAMETER = 87;
    private static final int OBJECT_ALREADY_EXISTS = 5010;

    private static final int LOCAL = 2;
    private static final int NET_MGMT = 3;

    private record Link(long luid, int index, int metric) {}

    private record Family(String link, boolean ipv6) implements Comparable<Family> {
        @Override
        public int compareTo(Family o) {
            return (link + ipv6).compareTo(o.link + o.ipv6);
        }
    }

    private record Settings(int mtu, boolean connected) {}

    private record Address(String link, InetAddress address, int length) {}

    private record Route(String link, IpPrefix network, InetAddress via, int metric, int protocol) {
        boolean isSame(Route other) {
            return link.equals(other.link) && network.equals(other.network) && via.equals(other.via);
        }
    }

    private final Map<String, Link> links = new TreeMap<>();
    private final Map<Family, Settings> families = new TreeMap<>();
    private final List<Address> addresses = new ArrayList<>();
    private final List<Route> routes = new ArrayList<>();

    /** Values by path and name; a key is there while it has any, or one below. */
    private final Map<String, Map<String, RegistryValue>> registry = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);

    /** What has been done, as text. */
    final List<String> done = new ArrayList<>();

    /** Of the next changes of what this is in the text of: the error of each. */
    final Map<String, Integer> refuses = new TreeMap<>();

    /** @param type of the interface: 6 is Ethernet, 24 loopback, 53 virtual, 71 wireless */
    void link(String alias, int type, int index, int metric) {
        links.put(alias, new Link((long) type << 48 | (0x8000L + index) << 24, index, metric));
        for (boolean ipv6 : new boolean[] {false, true}) {
            families.put(new Family(alias, ipv6), new Settings(type == 24 ? -1 : type == 53 ? 65535 : 1500, true));
            route(new Route(alias, IpPrefix.parse(ipv6 ? "ff00::/8" : "224.0.0.0/4"), any(ipv6), 256, LOCAL));
        }
    }

    /** The family is taken off the interface. */
    void without(String alias, boolean ipv6) {
        families.remove(new Family(alias, ipv6));
        addresses.removeIf(a -> a.link().equals(alias) && isIpv6(a.address()) == ipv6);
        routes.removeIf(r -> r.link().equals(alias) && r.network().isIpv6() == ipv6);
    }

    /** The cable is pulled out, or put in. */
    void connected(String alias, boolean connected) {
        families.replaceAll(
                (family, settings) -> family.link().equals(alias) ? new Settings(settings.mtu(), connected) : settings);
    }

    /** The interface is removed. */
    void vanish(String alias) {
        leave(alias);
        links.remove(alias);
        families.keySet().removeIf(f -> f.link().equals(alias));
        routes.removeIf(r -> r.link().equals(alias));
    }

    /** It has lost its network: addresses and routes go. */
    void leave(String alias) {
        addresses.removeIf(a -> a.link().equals(alias));
        routes.removeIf(r -> r.link().equals(alias) && !r.network().network().isMulticastAddress());
    }

    void address(String alias, String address, int length) {
        add(new Address(alias, ip(address), length));
    }

    private void add(Address address) {
        addresses.add(address);
        boolean ipv6 = isIpv6(address.address());
        route(new Route(address.link(), IpPrefix.of(address.address()), any(ipv6), 256, LOCAL));
        IpPrefix network = network(address);
        if (network.length() < bits(ipv6)) {
            route(new Route(address.link(), network, any(ipv6), 256, LOCAL));
            if (!ipv6) {
                byte[] last = network.network().getAddress();
                for (int bit = network.length(); bit < 32; bit++) {
                    last[bit / 8] |= (byte) (0x80 >>> bit % 8);
                }
                route(new Route(address.link(), IpPrefix.of(ip(last)), any(false), 256, LOCAL));
            }
        }
    }

    private void remove(Address address) {
        addresses.remove(address);
        routes.removeIf(r -> r.link().equals(address.link())
                && r.protocol() == LOCAL
                && !r.network().network().isMulticastAddress()
                && network(address).covers(r.network()));
    }

    /** @param via null for what is on the link */
    void route(String network, String alias, String via) {
        IpPrefix prefix = IpPrefix.parse(network);
        route(new Route(alias, prefix, via == null ? any(prefix.isIpv6()) : ip(via), 0, NET_MGMT));
    }

    private void route(Route route) {
        routes.add(route);
    }

    /** All that somebody else might miss. */
    String state() {
        List<String> lines = new ArrayList<>();
        links.forEach((alias, link) -> lines.add(alias + " " + link));
        families.forEach((family, settings) -> lines.add(family + " " + settings));
        addresses.forEach(a -> lines.add(a.toString()));
        routes.forEach(r -> lines.add(r.toString()));
        registry.forEach((path, values) -> values.forEach((name, value) -> lines.add(path + " " + name + "=" + value)));
        return String.join("\n", lines.stream().sorted().toList()) + "\n";
    }

    private static boolean isIpv6(InetAddress address) {
        return address.getAddress().length == 16;
    }

    private static int bits(boolean ipv6) {
        return ipv6 ? 128 : 32;
    }

    private static InetAddress any(boolean ipv6) {
        return ip(new byte[ipv6 ? 16 : 4]);
    }

    private static InetAddress ip(String text) {
        return IpPrefix.parse(text).network();
    }

    private static InetAddress ip(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    private static IpPrefix network(Address address) {
        byte[] bytes = address.address().getAddress();
        for (int bit = address.length(); bit < bytes.length * 8; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >>> bit % 8);
        }
        return IpPrefix.of(ip(bytes), address.length());
    }

    @Override
    public String alias(long luid) {
        return links.entrySet().stream()
                .filter(e -> e.getValue().luid() == luid)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse("");
    }

    @Override
    public byte[] table(Table table) {
        ByteBuffer out = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        int rows;
        int bytes;
        switch (table) {
            case INTERFACES -> {
                rows = families.size();
                bytes = 168;
                int at = 8;
                for (Map.Entry<Family, Settings> entry : families.entrySet()) {
                    Link link = links.get(entry.getKey().link());
                    out.putShort(at, (short) (entry.getKey().ipv6() ? 23 : 2));
                    out.putLong(at + 8, link.luid()).putInt(at + 16, link.index());
                    out.putInt(at + 52, 1).putInt(at + 56, 3).putInt(at + 144, 64);
                    out.putInt(at + 148, link.metric())
                            .putInt(at + 152, entry.getValue().mtu());
                    out.put(at + 156, (byte) (entry.getValue().connected() ? 1 : 0));
                    at += bytes;
                }
            }
            case ADDRESSES -> {
                rows = addresses.size();
                bytes = 80;
                int at = 8;
                for (Address address : addresses) {
                    socketAddress(
                            out,
                            at,
                            address.address(),
                            links.get(address.link()).index());
                    out.putLong(at + 32, links.get(address.link()).luid());
                    out.put(at + 60, (byte) address.length()).putInt(at + 64, 4);
                    at += bytes;
                }
            }
            case ROUTES -> {
                rows = routes.size();
                bytes = 104;
                int at = 8;
                for (Route route : routes) {
                    int index = links.get(route.link()).index();
                    out.putLong(at, links.get(route.link()).luid()).putInt(at + 8, index);
                    socketAddress(out, at + 12, route.network().network(), index);
                    out.put(at + 40, (byte) route.network().length());
                    socketAddress(out, at + 44, route.via(), index);
                    out.putInt(at + 84, route.metric()).putInt(at + 88, route.protocol());
                    at += bytes;
                }
            }
            default -> throw new AssertionError(table);
        }
        byte[] copy = new byte[8 + rows * bytes];
        out.putInt(0, rows).get(0, copy);
        return copy;
    }

    private static void socketAddress(ByteBuffer out, int at, InetAddress address, int index) {
        boolean ipv6 = isIpv6(address);
        out.putShort(at, (short) (ipv6 ? 23 : 2)).put(at + (ipv6 ? 8 : 4), address.getAddress());
        if (address.isLinkLocalAddress() && ipv6) {
            out.putInt(at + 24, index);
        }
    }

    private static InetAddress socketAddress(ByteBuffer row, int at) {
        byte[] bytes = new byte[row.getShort(at) == 23 ? 16 : row.getShort(at) == 2 ? 4 : 0];
        row.get(at + (bytes.length == 16 ? 8 : 4), bytes);
        return ip(bytes);
    }

    @Override
    public int perform(IpAction action) {
        done.add(action.text());
        for (Map.Entry<String, Integer> refused : refuses.entrySet()) {
            if (action.text().contains(refused.getKey())) {
                return refused.getValue();
            }
        }
        ByteBuffer row = ByteBuffer.wrap(action.row()).order(ByteOrder.LITTLE_ENDIAN);
        return switch (action.function()) {
            case "SetIpInterfaceEntry" -> setInterface(row);
            case "CreateUnicastIpAddressEntry" -> createAddress(row);
            case "DeleteUnicastIpAddressEntry" -> deleteAddress(row);
            case "CreateIpForwardEntry2" -> createRoute(row);
            case "DeleteIpForwardEntry2" -> deleteRoute(row);
            default -> throw new AssertionError(action.function());
        };
    }

    /** Rows that say of IPv4 what only IPv6 has are refused. */
    private int setInterface(ByteBuffer row) {
        Family family = new Family(alias(row.getLong(8)), row.getShort(0) == 23);
        Settings before = families.get(family);
        if (before == null) {
            return NOT_FOUND;
        }
        if (!family.ipv6() && row.getInt(144) != 0) {
            return INVALID_PARAMETER;
        }
        families.put(family, new Settings(row.getInt(152), before.connected()));
        return 0;
    }

    private int createAddress(ByteBuffer row) {
        Address address = new Address(alias(row.getLong(32)), socketAddress(row, 0), row.get(60) & 0xff);
        if (!families.containsKey(new Family(address.link(), isIpv6(address.address())))) {
            return NOT_FOUND;
        }
        if (row.getInt(52) == 0 || row.getInt(56) == 0 || row.getInt(44) != 1 || row.getInt(48) != 1) {
            return INVALID_PARAMETER;
        }
        if (addresses.stream().anyMatch(a -> a.address().equals(address.address()))) {
            return OBJECT_ALREADY_EXISTS;
        }
        add(address);
        return 0;
    }

    private int deleteAddress(ByteBuffer row) {
        InetAddress address = socketAddress(row, 0);
        String link = alias(row.getLong(32));
        for (Address there : addresses) {
            if (there.link().equals(link) && there.address().equals(address)) {
                remove(there);
                return 0;
            }
        }
        return NOT_FOUND;
    }

    private static Route read(String link, ByteBuffer row) {
        IpPrefix network = IpPrefix.of(socketAddress(row, 12), row.get(40) & 0xff);
        return new Route(link, network, socketAddress(row, 44), row.getInt(84), row.getInt(88));
    }

    private int createRoute(ByteBuffer row) {
        Route route = read(alias(row.getLong(0)), row);
        boolean ipv6 = route.network().isIpv6();
        boolean addressed =
                addresses.stream().anyMatch(a -> a.link().equals(route.link()) && isIpv6(a.address()) == ipv6);
        if (!families.containsKey(new Family(route.link(), ipv6)) || !addressed) {
            return NOT_FOUND;
        }
        if (isIpv6(route.via()) != ipv6
                || route.protocol() != NET_MGMT
                || row.getInt(76) != -1
                || row.getInt(80) != -1
                || route.metric() < 0) {
            return INVALID_PARAMETER;
        }
        if (routes.stream().anyMatch(route::isSame)) {
            return OBJECT_ALREADY_EXISTS;
        }
        routes.add(route);
        return 0;
    }

    private int deleteRoute(ByteBuffer row) {
        Route route = read(alias(row.getLong(0)), row);
        return routes.removeIf(route::isSame) ? 0 : NOT_FOUND;
    }

    /** Somebody else deletes a route. */
    void delete(String network, String alias) {
        if (!routes.removeIf(r -> r.link().equals(alias) && r.network().equals(IpPrefix.parse(network)))) {
            throw new AssertionError("no route " + network + " through " + alias);
        }
    }

    /** What somebody else has set. */
    void value(String path, String name, RegistryValue value) {
        registry.computeIfAbsent(path, p -> new TreeMap<>()).put(name, value);
    }

    /** Somebody else deletes all below a key. */
    void clear(String path) {
        registry.keySet().removeIf(p -> isBelow(p, path));
    }

    private static boolean isBelow(String path, String above) {
        return path.equalsIgnoreCase(above) || path.regionMatches(true, 0, above + "\\", 0, above.length() + 1);
    }

    @Override
    public List<String> keys(String path) {
        return registry.keySet().stream()
                .filter(p -> isBelow(p, path) && p.length() > path.length())
                .map(p -> p.substring(path.length() + 1).split("\\\\", -1)[0])
                .distinct()
                .toList();
    }

    @Override
    public RegistryValue value(String path, String name) {
        RegistryValue value = registry.getOrDefault(path, Map.of()).get(name);
        return value == null ? null : RegistryValue.of(value.type(), value.bytes());
    }

    @Override
    public void set(String path, String name, RegistryValue value) {
        done.add("set " + path + " " + name + " " + value);
        value(path, name, value);
    }

    @Override
    public void deleteValue(String path, String name) {
        done.add("delete " + path + " " + name);
        registry.getOrDefault(path, new TreeMap<>()).remove(name);
    }

    @Override
    public void deleteKey(String path) {
        done.add("delete " + path);
        clear(path);
    }

    @Override
    public void refreshPolicy() {
        done.add("RefreshPolicy");
    }

    @Override
    public SystemProgram.Result perform(SystemAction action) {
        done.add(action.text());
        if (!List.of(
                        "C:\\Windows\\System32\\sc.exe control dnscache paramchange",
                        "C:\\Windows\\System32\\ipconfig.exe /flushdns")
                .contains(action.text())) {
            throw new AssertionError("on a PC there is no: " + action.text());
        }
        return new SystemProgram.Result(0, "");
    }

    @Override
    public String read(Path file) {
        throw new AssertionError("no file is read: " + file);
    }
}
