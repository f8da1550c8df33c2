package dev.culvert.client.uplink;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The opening of a stream for one that can wait but not ask again, as a connection that a kernel has accepted. Where a SYN would be met
 * with silence, for what is short of a link or of room may be back when the kernel asks again, this asks again. Event loop only.
 */
public final class FlowAttempt {
    /** From the first attempt on; a kernel asks again for longer, but then the network is said to be unreachable. */
    static final Duration PATIENCE = Uplink.PATIENCE;

    /** Before the second attempt; each pause is twice the one before, up to a second. */
    static final Duration PAUSE = Duration.ofMillis(250);

    private static final Duration MOST_PAUSE = Duration.ofSeconds(1);

    /** Until then there is an answer: an agent's dial takes 15 s at most. A flow whose link is lost meanwhile would wait for another for hours. */
    static final Duration LATEST = PATIENCE.plusSeconds(16);

    /** Opens a flow with this handler in its pipeline. */
    public interface Opener {
        LinkFlow open(ChannelHandler handler) throws FlowException;
    }

    /** Told one of the two, once; nothing after {@link #cancel()}. Event loop. */
    public interface Listener {
        /** The far side is there. The flow is not read yet, and is the listener's to close. */
        void opened(LinkFlow flow);

        void refused(FlowException why);
    }

    private final EventLoop loop;
    private final Opener opener;
    private final Listener listener;
    private final long latestNanos;
    private long pauseNanos = PAUSE.toNanos();
    private @Nullable LinkFlow flow;
    private @Nullable Future<?> again;
    private final Future<?> late;
    private boolean over;

    private FlowAttempt(EventLoop loop, Opener opener, Listener listener) {
        this.loop = loop;
        this.opener = opener;
        this.listener = listener;
        this.latestNanos = loop.ticker().nanoTime() + PATIENCE.toNanos();
        this.late = loop.schedule(this::tooLate, LATEST.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Begins; the listener may be told before this returns. */
    public static FlowAttempt begin(EventLoop loop, Opener opener, Listener listener) {
        FlowAttempt attempt = new FlowAttempt(loop, opener, listener);
        attempt.open();
        return attempt;
    }

    /** It is not wanted any more: ends what was asked for. */
    public void cancel() {
        if (!over) {
            end();
            if (again != null) {
                again.cancel(false);
            }
            if (flow != null) {
                flow.close();
            }
        }
    }

    private void end() {
        over = true;
        late.cancel(false);
    }

    private void tooLate() {
        if (!over) {
            cancel();
            listener.refused(new FlowException(Reason.TIMED_OUT, "no answer within " + LATEST.toSeconds() + " s"));
        }
    }

    private void open() {
        again = null;
        try {
            LinkFlow asked = opener.open(new UntilJoined());
            flow = asked;
            asked.config().setAutoRead(false);
            asked.opened().addListener(f -> {
                if (f.isSuccess()) {
                    opened(asked);
                } else {
                    failed(f.cause());
                }
            });
        } catch (FlowException | IllegalArgumentException e) {
            failed(e);
        }
    }

    private void opened(LinkFlow asked) {
        if (!over) {
            end();
            listener.opened(asked);
        }
    }

    private void failed(Throwable cause) {
        flow = null;
        if (over) {
            return;
        }
        FlowException why = cause instanceof FlowException e
                ? e
                : new FlowException(Reason.UNSPECIFIED, String.valueOf(cause.getMessage()));
        if (mayPass(why.reason()) && loop.ticker().nanoTime() + pauseNanos - latestNanos < 0) {
            again = loop.schedule(this::open, pauseNanos, TimeUnit.NANOSECONDS);
            pauseNanos = Math.min(2 * pauseNanos, MOST_PAUSE.toNanos());
        } else {
            end();
            listener.refused(why);
        }
    }

    private static boolean mayPass(Reason reason) {
        return reason == Reason.LINK_LOST || reason == Reason.SHUTTING_DOWN || reason == Reason.OVERLOADED;
    }
}
