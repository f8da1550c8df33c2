package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.contract.DuplexChannelContract;
import dev.culvert.stack.wire.Tcp;
import io.netty.channel.ChannelHandler;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;

/** A {@link TcpFlow} does what a socket's channel does. */
class TcpFlowContractTest extends DuplexChannelContract {
    private final Wire wire = new Wire();
    private final Remote remote = new Remote();

    @Override
    protected Ends open(ChannelHandler handler) {
        TcpFlow flow = wire.syn().accept(handler);
        remote.next = wire.expect("SA").seq + 1;
        remote.send(Tcp.ACK, "");
        return new Ends(flow, remote);
    }

    @Override
    protected void settle() {
        do {
            wire.channel.runPendingTasks();
        } while (remote.receive());
    }

    @Override
    protected void until(String what, BooleanSupplier condition) {
        settle();
        assertThat(condition.getAsBoolean()).as(what).isTrue();
    }

    @AfterEach
    void close() {
        wire.close();
    }

    /** The kernel that the connection comes from. */
    private final class Remote implements Peer {
        private final StringBuilder text = new StringBuilder();
        private boolean reading = true;
        private boolean ended;
        private int next;

        private void send(int flags, String payload) {
            wire.send(flags, wire.peerNext, next, payload);
            wire.peerNext += payload.length() + ((flags & Tcp.FIN) != 0 ? 1 : 0);
        }

        /** Whether it had something to answer. */
        boolean receive() {
            int before = next;
            for (Wire.Sent segment = wire.sent.poll(); segment != null && reading; segment = wire.sent.poll()) {
                text.append(new String(segment.payload, StandardCharsets.US_ASCII));
                boolean fin = (segment.flags & Tcp.FIN) != 0;
                ended |= fin;
                next = segment.seq + segment.payload.length + (fin ? 1 : 0);
            }
            if (next == before) {
                return false;
            }
            send(Tcp.ACK, "");
            return true;
        }

        @Override
        public void write(String words) {
            send(Tcp.ACK | Tcp.PSH, words);
        }

        @Override
        public void fin() {
            send(Tcp.ACK | Tcp.FIN, "");
        }

        @Override
        public void reset() {
            send(Tcp.RST, "");
        }

        @Override
        public void stopReading() {
            reading = false;
        }

        @Override
        public String text() {
            return text.toString();
        }

        @Override
        public boolean sawEnd() {
            return ended;
        }
    }
}
