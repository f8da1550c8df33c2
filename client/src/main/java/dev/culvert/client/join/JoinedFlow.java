package dev.culvert.client.join;

import dev.culvert.client.forward.DatagramReads;
import dev.culvert.client.uplink.UntilJoined;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.token.HolderName;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/**
 * A flow that a program asks for, and the client's own that is opened for it: it is answered when that one has been, with what the agent
 * has met. Only datagrams of UDP do not wait for that, as they do not on a link to a gateway: a refusal then ends the flow. Event loop only.
 */
final class JoinedFlow {
    private final IncomingFlow asked;
    private final Uplink uplink;
    private final Tally tally;
    private final Runnable over;

    /** @param over runs once, when nothing is left of it */
    JoinedFlow(IncomingFlow asked, Uplink uplink, Tally tally, Runnable over) {
        this.asked = asked;
        this.uplink = uplink;
        this.tally = tally;
        this.over = over;
    }

    void open() {
        String agent = asked.request().agent();
        if (agent == null || !HolderName.isValid(agent)) {
            refuse(new FlowException(Reason.PROTOCOL_ERROR, "a flow here is opened through an agent, by its name"));
            over.run();
            return;
        }
        Destination to = asked.request().destination();
        Across across = to.isStream() ? null : new Across(true);
        LinkFlow flow;
        try {
            flow = uplink.open(agent, to, asked.request().source(), across == null ? new UntilJoined() : across);
        } catch (FlowException | IllegalArgumentException e) {
            refuse(e);
            over.run();
            return;
        }
        flow.closeFuture().addListener(closed -> over.run());
        if (across != null && to.protocol() == Destination.UDP) {
            accept(flow, across);
            return;
        }
        flow.config().setAutoRead(across != null);
        asked.onAbandoned(flow::close);
        flow.opened().addListener(opened -> {
            if (!opened.isSuccess()) {
                refuse(opened.cause());
            } else if (across == null) {
                accept(flow);
            } else {
                accept(flow, across);
            }
        });
    }

    private void refuse(Throwable cause) {
        tally.refused();
        asked.refuse(
                cause instanceof FlowException e ? e.reason() : Reason.UNSPECIFIED, String.valueOf(cause.getMessage()));
    }

    private void count(LinkFlow flow) {
        int protocol = asked.request().destination().protocol();
        tally.flows(protocol, 1);
        flow.closeFuture().addListener(closed -> tally.flows(protocol, -1));
    }

    private void accept(LinkFlow flow) {
        LinkFlow its = asked.accept(new UntilJoined(), true);
        if (its == null) {
            flow.close();
            return;
        }
        count(flow);
        its.closeReason(Reason.RESET);
        its.pipeline().addLast(new WhyItBroke(flow));
        flow.pipeline().addLast(new WhyItBroke(its));
        if (asked.probes()) {
            flow.onProbe(its::alive);
            its.onProbe(() -> {
                if (!flow.probe()) {
                    its.alive();
                }
            });
        }
        Relay.join(its, flow, (up, down, cause) -> {});
    }

    private void accept(LinkFlow flow, Across across) {
        Across back = new Across(false);
        back.other = flow;
        LinkFlow its = asked.accept(back);
        if (its == null) {
            flow.close();
            return;
        }
        across.other = its;
        if (flow.isOpen()) {
            count(flow);
        } else {
            its.close(); // it was refused at once
        }
    }

    /** The other side is reset for the same reason. */
    private static final class WhyItBroke extends ChannelInboundHandlerAdapter {
        private final LinkFlow other;

        WhyItBroke(LinkFlow other) {
            this.other = other;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof FlowException e) {
                other.closeReason(e.reason());
            }
            ctx.fireExceptionCaught(cause);
        }
    }

    /** Takes datagrams, and what the network says of them, from one flow to the other; both end together. */
    private final class Across extends ChannelInboundHandlerAdapter {
        private final boolean ours;
        private @Nullable LinkFlow other;

        /** @param ours whether this is the client's own flow, rather than the program's */
        Across(boolean ours) {
            this.ours = ours;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            LinkFlow to = other;
            if (to == null) {
                ReferenceCountUtil.release(msg);
            } else if (msg instanceof ByteBuf datagram) {
                to.write(DatagramReads.sized(datagram), to.voidPromise());
                datagram.release();
            } else {
                to.write(msg, to.voidPromise());
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (other != null) {
                other.flush();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof FlowException e) {
                if (ours && e.reason() != Reason.IDLE && e.reason() != Reason.CANCELLED) {
                    tally.refused();
                }
                if (other != null) {
                    other.closeReason(e.reason());
                }
            }
            ctx.close();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            end();
        }

        /** One that was refused at once was never active. */
        @Override
        public void channelUnregistered(ChannelHandlerContext ctx) {
            end();
        }

        private void end() {
            if (other != null) {
                other.close();
            }
        }
    }
}
