package dev.culvert.agent;

import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.names.DnsMessage;
import dev.culvert.tunnel.names.ResolverName;
import dev.culvert.tunnel.names.ServerQuestion;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Flows to this machine's own resolver ({@link ResolverName}): of each message only that it is one question about a name in the flow's
 * domain is read, then a name server of this machine's is asked the same. Event loop only.
 */
final class ResolverFlows {
    /** Questions that wait for a name server, of all clients. */
    static final int MAX_ASKED = 1_024;

    /** Of these for one client. */
    static final int MAX_ASKED_PER_CLIENT = 256;

    /** Of these on one connection; it is not read meanwhile. */
    static final int MAX_ASKED_PER_STREAM = 16;

    /** Heap that a flow costs: its channel, its pipeline, its timer, what it asks. */
    private static final int FLOW_BYTES = 3 << 10;

    /** A flow that asks nothing for so long is closed. */
    static final Duration IDLE = Duration.ofMinutes(1);

    private final EventLoop loop;
    private final SocketBudget budget;
    private final Shares asked = new Shares(MAX_ASKED, MAX_ASKED_PER_CLIENT);

    ResolverFlows(EventLoop loop, SocketBudget budget) {
        this.loop = loop;
        this.budget = budget;
    }

    /** Questions that wait for a name server. */
    long askedCount() {
        return asked.total();
    }

    /**
     * Answers the flow, whose client may ask.
     *
     * @param domain that it may ask about
     * @param servers that may be asked just now, in order; asked for with each question
     */
    void open(IncomingFlow flow, String domain, Supplier<List<InetSocketAddress>> servers) {
        boolean stream = flow.request().destination().isStream();
        Taker taker = Taker.of(flow.request().clientName(), ResolverName.SUFFIX);
        if (!budget.takeMemory(taker, FLOW_BYTES)) {
            flow.refuse(Reason.OVERLOADED, "too many flows at the agent");
            return;
        }
        Asker asker = new Asker(taker, domain, servers, stream);
        LinkFlow opened = flow.accept(asker);
        if (opened == null) {
            budget.giveMemory(taker, FLOW_BYTES);
        } else if (stream) {
            opened.pipeline()
                    .addFirst(
                            new LengthFieldBasedFrameDecoder(DnsMessage.MAX + 2, 0, 2, 0, 2),
                            new FlowControlHandler()); // of what has come together, so many at a time, too
            opened.closeReason(Reason.RESET);
        }
    }

    /** One flow. */
    private final class Asker extends ChannelInboundHandlerAdapter implements ServerQuestion.Sockets {
        private final Taker taker;
        private final String domain;
        private final Supplier<List<InetSocketAddress>> servers;
        private final boolean stream;
        private final Set<ServerQuestion> waiting = new HashSet<>();
        private @Nullable ScheduledFuture<?> idle;
        private boolean inputEnded;

        Asker(Taker taker, String domain, Supplier<List<InetSocketAddress>> servers, boolean stream) {
            this.taker = taker;
            this.domain = domain;
            this.servers = servers;
            this.stream = stream;
        }

        @Override
        public boolean take(boolean ofTcp) {
            return budget.take(taker, kind(ofTcp));
        }

        @Override
        public void give(boolean ofTcp) {
            budget.give(taker, kind(ofTcp));
        }

        @Override
        public void failed(Throwable cause) {
            budget.failed(cause);
        }

        private static SocketBudget.Kind kind(boolean ofTcp) {
            return ofTcp ? SocketBudget.Kind.TCP : SocketBudget.Kind.UDP;
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            used(ctx);
        }

        private void used(ChannelHandlerContext ctx) {
            if (idle != null) {
                idle.cancel(false);
            }
            idle = loop.schedule(
                    () -> {
                        ((LinkFlow) ctx.channel()).closeReason(Reason.IDLE);
                        ctx.close();
                    },
                    IDLE.toMillis(),
                    TimeUnit.MILLISECONDS);
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (!(msg instanceof ByteBuf message)) {
                ReferenceCountUtil.release(msg); // to or from another port, or with a hop limit: not of DNS
                return;
            }
            used(ctx);
            DnsMessage question = DnsMessage.read(message);
            if (question == null) {
                ByteBuf answer = DnsMessage.malformed(ctx.alloc(), message);
                message.release();
                if (answer != null) {
                    write(ctx, answer);
                }
                return;
            }
            if (question.isResponse()) {
                message.release();
                return;
            }
            int fault = question.fault();
            if (fault == DnsMessage.NO_ERROR && !question.isAtOrBelow(domain)) {
                fault = DnsMessage.REFUSED;
            }
            if (fault == DnsMessage.NO_ERROR && !asked.take(taker, 1)) {
                fault = DnsMessage.SERVER_FAILURE;
            }
            if (fault == DnsMessage.NO_ERROR) {
                ask(ctx, question, UdpMapping.sized(message));
            } else {
                write(ctx, question.answer(ctx.alloc(), message, fault, false));
                message.release();
            }
        }

        /** Takes the message. */
        private void ask(ChannelHandlerContext ctx, DnsMessage question, ByteBuf message) {
            ServerQuestion[] self = new ServerQuestion[1];
            ServerQuestion asking = new ServerQuestion(loop, this, servers.get(), question, message, stream, answer -> {
                waiting.remove(self[0]);
                // An answer that waits for a client who does not read is one of its questions still.
                write(ctx, answer).addListener(f -> asked.give(taker, 1));
                readOn(ctx);
            });
            self[0] = asking;
            waiting.add(asking);
            asking.start();
            readOn(ctx);
        }

        /** Takes the answer. */
        private ChannelFuture write(ChannelHandlerContext ctx, ByteBuf answer) {
            if (stream) {
                ctx.write(ctx.alloc().directBuffer(2).writeShort(answer.readableBytes()));
            }
            return ctx.writeAndFlush(answer);
        }

        private void readOn(ChannelHandlerContext ctx) {
            if (!stream) {
                return; // datagrams for which there is no room are lost
            }
            boolean on = waiting.size() < MAX_ASKED_PER_STREAM && ctx.channel().isWritable();
            ctx.channel().config().setAutoRead(on);
            if (inputEnded && waiting.isEmpty()) {
                inputEnded = false;
                ctx.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> ((LinkFlow) ctx.channel()).shutdownOutput());
            }
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext ctx) {
            readOn(ctx);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof ChannelInputShutdownEvent) {
                inputEnded = true;
                readOn(ctx);
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            if (idle != null) {
                idle.cancel(false);
            }
            for (ServerQuestion one : waiting) {
                one.cancel();
                asked.give(taker, 1);
            }
            waiting.clear();
            budget.giveMemory(taker, FLOW_BYTES);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
