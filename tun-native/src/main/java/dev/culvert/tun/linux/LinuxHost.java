package dev.culvert.tun.linux;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostChange;
import dev.culvert.tun.host.HostNetworkException;
import dev.culvert.tun.host.HostPlan;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.host.HostWatch;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Linux, by rtnetlink alone: what is asked and changed are numbers and addresses, never text that somebody would parse.
 * Messages are as {@code ip} of iproute2 sends them.
 */
public final class LinuxHost implements Host {
    /** Tables of border routers are not read into this memory. */
    static final int MAX_ROUTES = 200_000;

    private static final int RTM_NEWLINK = 16;
    private static final int RTM_GETLINK = 18;
    private static final int RTM_NEWADDR = 20;
    private static final int RTM_DELADDR = 21;
    private static final int RTM_GETADDR = 22;
    private static final int RTM_NEWROUTE = 24;
    private static final int RTM_DELROUTE = 25;
    private static final int RTM_GETROUTE = 26;
    private static final int RTM_GETRULE = 34;

    private static final int NLM_F_EXCL = 0x200;
    private static final int NLM_F_CREATE = 0x400;
    private static final int NEW = NLM_F_CREATE | NLM_F_EXCL;

    private static final int IFF_UP = 1;
    private static final int IFA_F_NODAD = 2;
    private static final int RTNH_F_ONLINK = 4;

    private static final int SCOPE_UNIVERSE = 0;
    private static final int SCOPE_LINK = 253;
    private static final int SCOPE_ANY = 255;

    /** Link, IPv4 address, route, rule; IPv6 address, route; IPv6 rule; settings such as disable_ipv6 (RTNLGRP numbers less 1). */
    private static final int GROUPS =
            1 << 0 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18 | 1 << 23 | 1 << 24;

    private final Netlink netlink;

    private LinuxHost(Netlink netlink) {
        this.netlink = netlink;
    }

    /** The network namespace of this thread. */
    public static LinuxHost open() throws IOException {
        return new LinuxHost(Netlink.open(0));
    }

    /** What the kernel tells of the network namespace of the thread that opens it. */
    public static HostWatch.Source events() {
        return () -> Netlink.open(GROUPS);
    }

    @Override
    public HostState read() throws IOException {
        List<HostState.Interface> links = links();
        List<HostState.Address> addresses = new ArrayList<>();
        dump(RTM_GETADDR, RtnetlinkMessages.ANY_FAMILY, addresses, RtnetlinkMessages::address);
        List<HostState.Route> routes = new ArrayList<>();
        List<HostState.Rule> rules = new ArrayList<>();
        for (int family : new int[] {RtnetlinkMessages.AF_INET, RtnetlinkMessages.AF_INET6}) {
            List<HostState.Route> ofFamily = new ArrayList<>();
            dump(RTM_GETROUTE, family, ofFamily, body -> {
                if (ofFamily.size() >= MAX_ROUTES) {
                    return null;
                }
                return RtnetlinkMessages.route(body, family);
            });
            if (ofFamily.size() >= MAX_ROUTES) {
                throw new HostNetworkException("read the routes of this machine: it has more than " + MAX_ROUTES
                        + "; start with --no-host-changes and lay the routes yourself");
            }
            routes.addAll(ofFamily);
            rules.addAll(rules(family));
        }
        return new HostState(links, addresses, routes, rules);
    }

    private List<HostState.Interface> links() throws IOException {
        List<HostState.Interface> links = new ArrayList<>();
        dump(RTM_GETLINK, RtnetlinkMessages.ANY_FAMILY, links, RtnetlinkMessages::link);
        links.removeIf(l -> !TunConfig.isInterfaceName(l.name()));
        return links;
    }

    private List<HostState.Rule> rules(int family) throws IOException {
        List<HostState.Rule> rules = new ArrayList<>();
        try {
            dump(RTM_GETRULE, family, rules, body -> RtnetlinkMessages.rule(body, family));
        } catch (HostNetworkException e) {
            rules.clear(); // a kernel without policy routing
        }
        if (rules.isEmpty()) {
            boolean ipv6 = family == RtnetlinkMessages.AF_INET6;
            rules.add(new HostState.Rule(ipv6, 0, true, HostState.LOCAL_TABLE, -1));
            rules.add(new HostState.Rule(ipv6, 1, true, HostState.MAIN_TABLE, -1));
        }
        return rules;
    }

    private interface Parser<T> {
        @Nullable
        T parse(java.nio.ByteBuffer body);
    }

    private <T> void dump(int type, int family, List<T> into, Parser<T> parser) throws IOException {
        // The longest of the fixed parts (ifinfomsg); kernels take it for all.
        byte[] body = new NetlinkAttributes.Writer()
                .u8(family, 0, 0, 0)
                .u32(0)
                .u32(0)
                .u32(0)
                .done();
        netlink.dump(type, body, into::clear, message -> {
            T object = parser.parse(message);
            if (object != null) {
                into.add(object);
            }
        });
    }

    @Override
    public Map<HostChange, String> make(List<HostChange> changes) throws IOException {
        Map<HostChange, String> refused = new LinkedHashMap<>();
        for (HostChange change : changes) {
            NetlinkError error = make(change);
            if (error != null) {
                refused.put(change, error.withRemedy());
            }
        }
        return refused;
    }

    private @Nullable NetlinkError make(HostChange change) throws IOException {
        if (change instanceof HostChange.SetLink set) {
            return setLink(set.link().index(), set.mtu(), set.txQueueLength(), true);
        }
        if (change instanceof HostChange.AddAddress add) {
            return netlink.request(RTM_NEWADDR, NEW, address(add.link().index(), add.address(), add.bits()));
        }
        if (change instanceof HostChange.AddRoute add) {
            return netlink.request(RTM_NEWROUTE, NEW, route(add));
        }
        if (change instanceof HostChange.AddUnreachable add) {
            return netlink.request(RTM_NEWROUTE, NEW, unreachable(add.network(), SCOPE_UNIVERSE));
        }
        throw new IllegalArgumentException("host change " + change + " has no form");
    }

    private @Nullable NetlinkError setLink(int index, int mtu, int txQueueLength, boolean up) throws IOException {
        return netlink.request(
                RTM_NEWLINK,
                0,
                new NetlinkAttributes.Writer()
                        .u8(0, 0, 0, 0)
                        .u32(index)
                        .u32(up ? IFF_UP : 0)
                        .u32(IFF_UP)
                        .number(RtnetlinkMessages.IFLA_MTU, mtu)
                        .number(RtnetlinkMessages.IFLA_TXQLEN, txQueueLength)
                        .done());
    }

    private static byte[] address(int index, InetAddress address, int bits) {
        byte[] bytes = address.getAddress();
        boolean ipv6 = bytes.length == 16;
        return new NetlinkAttributes.Writer()
                .u8(family(ipv6), bits, ipv6 ? IFA_F_NODAD : 0, SCOPE_UNIVERSE)
                .u32(index)
                .bytes(RtnetlinkMessages.IFA_LOCAL, bytes)
                .bytes(RtnetlinkMessages.IFA_ADDRESS, bytes)
                .done();
    }

    private static byte[] route(HostChange.AddRoute add) {
        boolean ipv6 = add.network().isIpv6();
        InetAddress via = add.via();
        NetlinkAttributes.Writer body = new NetlinkAttributes.Writer()
                .u8(family(ipv6), add.network().length(), 0, 0)
                .u8(HostState.MAIN_TABLE, HostPlan.PROTOCOL)
                .u8(ipv6 || via != null ? SCOPE_UNIVERSE : SCOPE_LINK, RtnetlinkMessages.RTN_UNICAST)
                // Else the kernel would ask its routes, among them ours, whether the next hop is there at all.
                .u32(via == null ? 0 : RTNH_F_ONLINK)
                .bytes(RtnetlinkMessages.RTA_DST, add.network().network().getAddress())
                .number(RtnetlinkMessages.RTA_OIF, add.link().index());
        if (via != null && via.getAddress().length == add.network().network().getAddress().length) {
            body.bytes(RtnetlinkMessages.RTA_GATEWAY, via.getAddress());
        } else if (via != null) {
            body.bytes(RtnetlinkMessages.RTA_VIA, RtnetlinkMessages.via(via));
        }
        InetAddress source = add.source();
        if (source != null) {
            body.bytes(RtnetlinkMessages.RTA_PREFSRC, source.getAddress());
        }
        return body.done();
    }

    private static byte[] unreachable(IpPrefix network, int scope) {
        return new NetlinkAttributes.Writer()
                .u8(family(network.isIpv6()), network.length(), 0, 0)
                .u8(HostState.MAIN_TABLE, HostPlan.PROTOCOL, scope, RtnetlinkMessages.RTN_UNREACHABLE)
                .u32(0)
                .bytes(RtnetlinkMessages.RTA_DST, network.network().getAddress())
                .number(RtnetlinkMessages.RTA_PRIORITY, HostPlan.UNDERNEATH)
                .done();
    }

    private static int family(boolean ipv6) {
        return ipv6 ? RtnetlinkMessages.AF_INET6 : RtnetlinkMessages.AF_INET;
    }

    @Override
    public List<UndoFailure> undo(List<UndoStep> steps) {
        List<UndoFailure> failures = new ArrayList<>();
        List<HostState.Interface> links;
        try {
            links = links();
        } catch (IOException e) {
            for (UndoStep step : steps) {
                failures.add(new UndoFailure(step, String.valueOf(e.getMessage())));
            }
            return failures;
        }
        for (UndoStep step : steps) {
            try {
                NetlinkError error = undo(step, links);
                // What is not there any more needs no undoing.
                if (error != null && !error.isGone()) {
                    failures.add(new UndoFailure(step, error.withRemedy()));
                }
            } catch (IOException | RuntimeException e) {
                failures.add(new UndoFailure(step, String.valueOf(e.getMessage())));
            }
        }
        return failures;
    }

    private @Nullable NetlinkError undo(UndoStep step, List<HostState.Interface> links) throws IOException {
        if (step instanceof UndoStep.DeleteRoute delete) {
            int index = index(delete.ifName(), links);
            IpPrefix network = IpPrefix.parse(delete.network());
            return index == 0
                    ? null
                    : netlink.request(
                            RTM_DELROUTE,
                            0,
                            new NetlinkAttributes.Writer()
                                    .u8(family(network.isIpv6()), network.length(), 0, 0)
                                    .u8(HostState.MAIN_TABLE, HostPlan.PROTOCOL, SCOPE_ANY, 0)
                                    .u32(0)
                                    .bytes(
                                            RtnetlinkMessages.RTA_DST,
                                            network.network().getAddress())
                                    .number(RtnetlinkMessages.RTA_OIF, index)
                                    .done());
        }
        if (step instanceof UndoStep.DeleteUnreachable delete) {
            return netlink.request(RTM_DELROUTE, 0, unreachable(IpPrefix.parse(delete.network()), SCOPE_ANY));
        }
        if (step instanceof UndoStep.DeleteAddress delete) {
            int index = index(delete.ifName(), links);
            return index == 0
                    ? null
                    : netlink.request(
                            RTM_DELADDR,
                            0,
                            address(index, IpPrefix.parse(delete.address()).network(), delete.prefixLength()));
        }
        if (step instanceof UndoStep.RestoreLink restore) {
            int index = index(restore.ifName(), links);
            return index == 0 ? null : setLink(index, restore.mtu(), restore.txQueueLength(), restore.up());
        }
        LinuxResolvers.undo(step);
        return null;
    }

    private static int index(String ifName, List<HostState.Interface> links) {
        for (HostState.Interface link : links) {
            if (link.name().equals(ifName)) {
                return link.index();
            }
        }
        return 0;
    }

    @Override
    public void close() {
        netlink.close();
    }
}
