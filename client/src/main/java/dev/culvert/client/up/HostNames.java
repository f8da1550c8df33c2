package dev.culvert.client.up;

import dev.culvert.client.names.NameService;
import dev.culvert.client.uplink.Voice;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tunnel.names.ResolvConf;
import dev.culvert.tunnel.names.ResolverName;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Has this machine's programs ask the stack's own name server, as long as there is something to be asked there, kept so by a thread of its
 * own: programs of the system are run for it, which may hang for seconds. What is to be undone in the end is in the journal.
 */
final class HostNames implements NameService.Listener {
    /** Opens what the machine's resolver is set up by; blocks. */
    interface Opener {
        HostResolver open() throws IOException;
    }

    /** So often somebody else has changed it before that is said. */
    static final int QUIET_REPAIRS = 5;

    /** The thread waits for a program that has a deadline itself. */
    private static final Duration END = Duration.ofSeconds(3);

    private final Opener opener;
    private final String ifName;
    private final List<InetAddress> servers;
    private final NameService service;
    private final Voice say;
    private final ScheduledExecutorService thread;

    // The thread's own.
    private @Nullable HostResolver resolver;
    private NameService.@Nullable Asked wanted;
    private @Nullable ScheduledFuture<?> next;
    private String failure = "";
    private String caveat = "";
    private int repairs;
    private boolean told;
    private volatile boolean closing;

    /** @param servers addresses of {@code service} */
    HostNames(Opener opener, String ifName, List<InetAddress> servers, NameService service, Voice say) {
        this(opener, ifName, servers, service, say, daemon());
    }

    /** @param thread on which everything is done */
    HostNames(
            Opener opener,
            String ifName,
            List<InetAddress> servers,
            NameService service,
            Voice say,
            ScheduledExecutorService thread) {
        this.opener = opener;
        this.ifName = ifName;
        this.servers = List.copyOf(servers);
        this.service = service;
        this.say = say;
        this.thread = thread;
    }

    private static ScheduledExecutorService daemon() {
        ScheduledThreadPoolExecutor one = new ScheduledThreadPoolExecutor(1, r -> {
            Thread t = new Thread(r, "host-names");
            t.setDaemon(true);
            return t;
        });
        one.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        return one;
    }

    /** What is asked for through the tunnel is this from now on. Any thread. */
    @Override
    public void asked(NameService.Asked now) {
        try {
            thread.execute(() -> {
                wanted = now;
                look(true);
            });
        } catch (RejectedExecutionException e) {
            // going down
        }
    }

    private void look(boolean asked) {
        if (next != null) {
            next.cancel(false);
            next = null;
        }
        NameService.Asked want = wanted;
        if (closing || want == null) {
            return;
        }
        Duration pause = Duration.ofSeconds(15);
        try {
            if (want.isEmpty()) {
                release();
                return;
            }
            HostResolver r = resolver;
            if (r == null) {
                r = opener.open();
                resolver = r;
            }
            pause = r.lookEach();
            HostResolver.Outcome outcome =
                    r.keep(new ResolverConfig(ifName, servers, want.domains(), want.search(), want.everything()));
            if (outcome.asksForAll()) {
                service.others(others(outcome.before()));
            }
            kept(r, outcome.changed() && !asked);
            String now = r.caveat();
            if (!now.isEmpty() && !now.equals(caveat)) {
                say.say(now);
            }
            caveat = now;
            failure = "";
        } catch (IOException | RuntimeException e) {
            String text = "this machine's resolver is not set up: " + e.getMessage();
            if (!text.equals(failure)) {
                failure = text;
                say.say(text);
            }
        }
        if (!closing) {
            next = thread.schedule(() -> look(false), pause.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void kept(HostResolver by, boolean repaired) {
        if (!told) {
            told = true;
            say.say("names are asked for through " + by.name());
        }
        if (repaired && ++repairs == QUIET_REPAIRS) {
            say.say("something on this machine keeps changing " + by.name() + "; it is put right every "
                    + by.lookEach().toSeconds() + " s");
        }
    }

    private void release() throws IOException {
        if (resolver != null) {
            resolver.release();
            told = false;
        }
    }

    /** Whom programs would ask without us: never ourselves. */
    private List<InetSocketAddress> others(String before) {
        List<InetSocketAddress> others = ResolvConf.parse(before).servers();
        if (others.isEmpty()) { // resolv.conf(5)
            others = List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), ResolverName.PORT));
        }
        return others.stream().filter(s -> !servers.contains(s.getAddress())).toList();
    }

    /** Lets the resolver be; waits for what is under way. What was changed is in the journal. */
    void close() {
        closing = true;
        thread.shutdown();
        try {
            if (!thread.awaitTermination(END.toMillis(), TimeUnit.MILLISECONDS)) {
                say.say("this machine's resolver takes long to be set up; going down all the same");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
