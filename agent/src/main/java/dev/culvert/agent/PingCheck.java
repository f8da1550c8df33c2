package dev.culvert.agent;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.icmp.PingSockets;
import dev.culvert.tun.icmp.PingUnavailableException;
import dev.culvert.tunnel.dial.NetworkError;
import io.netty.channel.epoll.EpollDatagramChannel;
import java.util.List;

/** Whether this user may ping, and so its clients through it. */
final class PingCheck implements Check {
    private final Opener opener;

    /** As {@link PingSockets#open}. */
    interface Opener {
        EpollDatagramChannel open(boolean ipv6) throws PingUnavailableException;
    }

    PingCheck() {
        this(PingSockets::open);
    }

    PingCheck(Opener opener) {
        this.opener = opener;
    }

    @Override
    public String name() {
        return "ping";
    }

    @Override
    public List<Finding> look() {
        try {
            opener.open(false).unsafe().closeForcibly(); // it was never registered
            return List.of(Finding.good(name(), "this user may"));
        } catch (PingUnavailableException e) {
            String text = String.valueOf(e.getMessage());
            int cure = text.indexOf(": sysctl ");
            return List.of(
                    cure < 0
                            ? Finding.bad(
                                    name(), text, "ping does not work through this agent until then; all else does")
                            : Finding.bad(name(), text.substring(0, cure), text.substring(cure + 2)));
        } catch (RuntimeException e) { // Netty wraps what the system says
            return List.of(Finding.bad(
                    name(), NetworkError.words(e), "ping does not work through this agent until then; all else does"));
        }
    }
}
