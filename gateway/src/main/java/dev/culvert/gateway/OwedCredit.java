package dev.culvert.gateway;

import dev.culvert.tunnel.Frame;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * CREDIT frames for one link. While too many control frames wait for its peer they are held back and added up, so that no
 * other peer can bring about that the link is closed for not reading. On the link's event loop.
 */
final class OwedCredit {
    /** How soon held-back credit is tried again. */
    private static final long RETRY_MILLIS = 50;

    private final SwitchedLink link;
    private final ArrayDeque<FlowHalf> owing = new ArrayDeque<>(0);

    OwedCredit(SwitchedLink link) {
        this.link = link;
    }

    /** Sends the credit now or later. */
    void grant(FlowHalf half, long bytes) {
        if (link.takesControl() && half.owedCredit == 0) {
            link.writer().controlInt(Frame.CREDIT, half.id, bytes);
            return;
        }
        if (half.owedCredit == 0) {
            owing.add(half);
            if (owing.size() == 1) {
                payLater();
            }
        }
        half.owedCredit += bytes;
    }

    private void payLater() {
        link.loop().schedule(this::pay, RETRY_MILLIS, TimeUnit.MILLISECONDS);
    }

    private void pay() {
        while (link.isUp() && link.takesControl()) {
            FlowHalf half = owing.poll();
            if (half == null) {
                return;
            }
            long bytes = half.owedCredit;
            half.owedCredit = 0;
            if (!half.closed && bytes > 0) {
                link.writer().controlInt(Frame.CREDIT, half.id, bytes);
            }
        }
        if (link.isUp() && !owing.isEmpty()) {
            payLater();
        }
    }

    void clear() {
        owing.clear();
    }
}
