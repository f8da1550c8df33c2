package dev.culvert.client.names;

import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.names.DnsMessage;
import dev.culvert.tunnel.names.ResolverName;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Questions to agents' resolvers: datagrams share one flow for each agent and domain, and each question over TCP has one of its own.
 * Event loop only.
 */
final class AgentQuestions {
    /** Longer than an agent's three name servers take to be silent; then whoever asked has asked again. */
    static final Duration DEADLINE = Duration.ofSeconds(10);

    /** A flow on which nothing is asked for so long is closed; the agent closes it after a minute. */
    static final Duration IDLE = Duration.ofSeconds(30);

    /** Lines about agents that cannot be asked; each is said once until an answer has come. */
    private static final int MAX_TROUBLES = 64;

    /** Told one of the two, once. */
    interface Asker {
        /** @param answer with the id of the question; its to release */
        void answered(ByteBuf answer);

        /** @param silent whether to say nothing, as on a network where something is lost, rather than that it failed */
        void failed(boolean silent);
    }

    private final Uplink uplink;
    private final EventLoop loop;
    private final InetSocketAddress source;
    private final Voice voice;
    private final SecureRandom random = new SecureRandom();
    private final Map<Domains.Way, DatagramWay> ways = new HashMap<>();

    /** What was said last of those that could not be asked; the eldest of too many is forgotten, and may be said again. */
    private final Map<Domains.Way, Reason> troubles = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Domains.Way, Reason> eldest) {
            return size() > MAX_TROUBLES;
        }
    };

    /** @param source what agents are told of who asks */
    AgentQuestions(Uplink uplink, InetSocketAddress source, Voice voice) {
        this.uplink = uplink;
        this.loop = uplink.eventLoop();
        this.source = source;
        this.voice = voice;
    }

    /**
     * Asks.
     *
     * @param message the question's bytes; taken
     */
    void ask(Domains.Way way, DnsMessage question, ByteBuf message, boolean stream, Asker asker) {
        if (stream) {
            new StreamQuestion(way, question, message, asker).start();
            return;
        }
        DatagramWay flow = ways.get(way);
        if (flow == null) {
            flow = new DatagramWay(way);
            try {
                flow.flow = open(way, Destination.UDP, flow);
            } catch (FlowException e) {
                message.release();
                asker.failed(troubled(way, e));
                return;
            }
            ways.put(way, flow);
        }
        flow.ask(question, message, asker);
    }

    private LinkFlow open(Domains.Way way, int protocol, ChannelInboundHandlerAdapter handler) throws FlowException {
        return uplink.open(way.agent(), ResolverName.of(protocol, way.domain()), source, handler);
    }

    /** @return whether whoever asked is to hear nothing, and so asks again */
    private boolean troubled(Domains.Way way, Throwable cause) {
        Reason reason = cause instanceof FlowException e ? e.reason() : Reason.UNSPECIFIED;
        boolean passes = reason == Reason.LINK_LOST
                || reason == Reason.SHUTTING_DOWN
                || reason == Reason.OVERLOADED
                || reason == Reason.IDLE
                || reason == Reason.UNKNOWN
                || reason == Reason.MOVED;
        if (!passes && troubles.put(way, reason) != reason) {
            voice.say("agent '" + way.agent() + "' cannot be asked about " + about(way.domain()) + ": "
                    + switch (reason) {
                        case NAME_NOT_FOUND -> "it is of an older version, which answers no such questions";
                        case PROHIBITED ->
                            "neither the token's --domains and grants nor the policy allow it (" + cause.getMessage()
                                    + ")";
                        default -> cause.getMessage();
                    });
        }
        return passes;
    }

    private static String about(String domain) {
        return domain.isEmpty() ? "names" : "names in " + domain;
    }

    /** The flow of datagrams for an agent and a domain. */
    private final class DatagramWay extends ChannelInboundHandlerAdapter {
        private final Domains.Way way;
        private final Map<Integer, Waiting> waiting = new HashMap<>();
        private @Nullable LinkFlow flow;
        private @Nullable ScheduledFuture<?> idle;
        private @Nullable Throwable failure;

        private record Waiting(DnsMessage question, Asker asker, ScheduledFuture<?> deadline) {}

        DatagramWay(Domains.Way way) {
            this.way = way;
        }

        void ask(DnsMessage question, ByteBuf message, Asker asker) {
            LinkFlow to = flow;
            if (to == null) {
                throw new IllegalStateException("a way without a flow");
            }
            int id = random.nextInt(0x10000);
            while (waiting.containsKey(id)) { // the service lets in far fewer than there are
                id = id + 1 & 0xffff;
            }
            int sent = id;
            waiting.put(
                    sent,
                    new Waiting(
                            question,
                            asker,
                            loop.schedule(() -> late(sent), DEADLINE.toMillis(), TimeUnit.MILLISECONDS)));
            used();
            ByteBuf out = to.alloc().directBuffer(message.readableBytes());
            out.writeShort(sent).writeBytes(message, message.readerIndex() + 2, message.readableBytes() - 2);
            message.release();
            to.writeAndFlush(out, to.voidPromise());
        }

        private void late(int id) {
            Waiting late = waiting.remove(id);
            if (late != null) {
                late.asker().failed(true);
            }
        }

        private void used() {
            if (idle != null) {
                idle.cancel(false);
            }
            idle = loop.schedule(this::end, IDLE.toMillis(), TimeUnit.MILLISECONDS);
        }

        private void end() {
            ways.remove(way, this);
            if (flow != null) {
                flow.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            DnsMessage answer = msg instanceof ByteBuf bytes ? DnsMessage.read(bytes) : null;
            if (answer == null) {
                ReferenceCountUtil.release(msg);
                return;
            }
            ByteBuf content = (ByteBuf) msg;
            Waiting asked = waiting.get(answer.id());
            if (asked == null || !answer.answers(asked.question(), answer.id())) {
                content.release();
                return;
            }
            waiting.remove(answer.id());
            asked.deadline().cancel(false);
            troubles.remove(way);
            asked.asker()
                    .answered(content.setShort(
                            content.readerIndex(), asked.question().id()));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            failure = cause;
            ctx.close();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            ways.remove(way, this);
            if (idle != null) {
                idle.cancel(false);
            }
            // One that was open and cannot go on is opened anew by the next question.
            boolean wasOpen = flow != null && flow.opened().isSuccess();
            boolean silent = wasOpen || failure == null || troubled(way, failure);
            for (Waiting one : waiting.values().toArray(Waiting[]::new)) {
                one.deadline().cancel(false);
                one.asker().failed(silent);
            }
            waiting.clear();
        }
    }

    /** One question over TCP. */
    private final class StreamQuestion extends ChannelInboundHandlerAdapter {
        private final Domains.Way way;
        private final DnsMessage question;
        private final ByteBuf message;
        private final Asker asker;
        private @Nullable LinkFlow flow;
        private @Nullable ScheduledFuture<?> deadline;
        private boolean over;

        StreamQuestion(Domains.Way way, DnsMessage question, ByteBuf message, Asker asker) {
            this.way = way;
            this.question = question;
            this.message = message;
            this.asker = asker;
        }

        void start() {
            try {
                LinkFlow opening = open(way, Destination.TCP, this);
                flow = opening;
                deadline = loop.schedule(() -> end(null, null), DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
                opening.opened().addListener(f -> {
                    if (f.isSuccess() && !over) {
                        opening.write(opening.alloc().directBuffer(2).writeShort(message.readableBytes()));
                        opening.writeAndFlush(message.retainedSlice());
                    } else {
                        end(null, f.cause());
                    }
                });
            } catch (FlowException e) {
                end(null, e);
            }
        }

        private void end(@Nullable ByteBuf answer, @Nullable Throwable cause) {
            if (over) {
                return;
            }
            over = true;
            message.release();
            if (deadline != null) {
                deadline.cancel(false);
            }
            if (flow != null) {
                flow.close();
            }
            if (answer != null) {
                troubles.remove(way);
                asker.answered(answer);
            } else {
                if (cause != null) {
                    troubled(way, cause);
                }
                asker.failed(false); // on a connection silence would hold up whoever waits
            }
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            ctx.pipeline().addFirst(new LengthFieldBasedFrameDecoder(DnsMessage.MAX + 2, 0, 2, 0, 2));
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf content = (ByteBuf) msg;
            DnsMessage answer = DnsMessage.read(content);
            if (over || answer == null || !answer.answers(question, question.id())) {
                content.release();
                end(null, null);
            } else {
                end(content, null);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            end(null, cause);
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            end(null, null);
        }
    }
}
