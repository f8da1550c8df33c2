package dev.culvert.stack.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.channel.socket.ChannelOutputShutdownEvent;
import io.netty.channel.socket.ChannelOutputShutdownException;
import io.netty.channel.socket.DuplexChannel;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/**
 * What whoever joins two channels may rely on, be they flows of the stack, flows of a link, or sockets: that of Netty's own
 * socket channels with {@code ALLOW_HALF_CLOSURE}, which are judged by it too. What the other end hears of {@code close()}
 * is each channel's own affair and has its tests there.
 */
public abstract class DuplexChannelContract {
    /** More than any window, socket buffer or outlet takes. */
    private static final int TOO_MUCH = 24 << 20;

    /** The other end of the channel that is judged. */
    public interface Peer {
        /** Sends. */
        void write(String text);

        /** Sends no more. */
        void fin();

        /** Ends both directions at once. */
        void reset();

        /** From now on takes nothing. */
        void stopReading();

        /** What has come. */
        String text();

        /** Whether the end of what comes has come. */
        boolean sawEnd();
    }

    /** An active channel with {@code handler}, and its other end. */
    public record Ends(DuplexChannel channel, Peer peer) {}

    /** Opens a channel. */
    protected abstract Ends open(ChannelHandler handler);

    /** Lets happen what is under way. */
    protected abstract void settle();

    /** Lets things happen until {@code condition} holds; fails when it never does. */
    protected abstract void until(String what, BooleanSupplier condition);

    /** Notes what the channel tells, in order; a read-complete only when something was read before it. */
    private static final class Recorder extends ChannelInboundHandlerAdapter {
        final List<String> events = new CopyOnWriteArrayList<>();
        final StringBuffer text = new StringBuffer();
        final boolean autoRead;
        boolean readsOnce;
        private boolean read;

        Recorder(boolean autoRead) {
            this.autoRead = autoRead;
        }

        @Override
        public void handlerAdded(ChannelHandlerContext context) {
            context.channel().config().setAutoRead(autoRead);
        }

        @Override
        public void channelActive(ChannelHandlerContext context) {
            events.add("active");
            context.fireChannelActive();
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            ByteBuf data = (ByteBuf) message;
            text.append(data.toString(StandardCharsets.US_ASCII));
            data.release();
            if (!read) {
                read = true;
                events.add("read");
            }
            if (readsOnce) {
                context.channel().config().setAutoRead(false);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext context) {
            if (read) {
                read = false;
                events.add("read complete");
            }
            context.fireChannelReadComplete();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event == ChannelInputShutdownEvent.INSTANCE) {
                events.add("input shutdown");
            } else if (event == ChannelInputShutdownReadComplete.INSTANCE) {
                events.add("nothing more to read");
            } else if (event == ChannelOutputShutdownEvent.INSTANCE) {
                events.add("output shutdown");
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            events.add("inactive");
        }

        @Override
        public void channelUnregistered(ChannelHandlerContext context) {
            events.add("unregistered");
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            events.add(cause instanceof IOException ? "exception" : cause.toString());
        }
    }

    private final Recorder app = new Recorder(true);
    private final Recorder idle = new Recorder(false);

    private static ByteBuf bytes(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII);
    }

    private void succeeds(String what, ChannelFuture future) {
        until(what, future::isDone);
        assertThat(future.cause()).as(what).isNull();
    }

    private void fails(String what, ChannelFuture future, Class<? extends Throwable> cause) {
        until(what, future::isDone);
        assertThat(future.cause()).as(what).isInstanceOf(cause);
    }

    private ChannelFuture writeTooMuch(Ends ends) {
        ends.peer().stopReading();
        ChannelFuture write = ends.channel().writeAndFlush(Unpooled.wrappedBuffer(new byte[TOO_MUCH]));
        settle();
        assertThat(write.isDone()).isFalse();
        assertThat(ends.channel().isWritable()).isFalse();
        return write;
    }

    @Test
    void anActiveChannelIsOpenBothWays() {
        DuplexChannel channel = open(app).channel();
        assertThat(channel.isOpen()).isTrue();
        assertThat(channel.isActive()).isTrue();
        assertThat(channel.isWritable()).isTrue();
        assertThat(channel.isInputShutdown()).isFalse();
        assertThat(channel.isOutputShutdown()).isFalse();
        assertThat(channel.isShutdown()).isFalse();
        assertThat(channel.config().getOption(ChannelOption.ALLOW_HALF_CLOSURE)).isTrue();
        until("told", () -> !app.events.isEmpty());
        assertThat(app.events).containsExactly("active");
    }

    @Test
    void theEndOfInputIsToldAfterAllThatWasReadAndLeavesOutputOpen() {
        Ends ends = open(app);
        ends.peer().write("last");
        until("read", () -> app.text.toString().equals("last"));
        ends.peer().fin();
        until("end", () -> app.events.contains("nothing more to read"));
        assertThat(app.events)
                .containsExactly("active", "read", "read complete", "input shutdown", "nothing more to read");
        assertThat(ends.channel().isInputShutdown()).isTrue();
        assertThat(ends.channel().isOutputShutdown()).isFalse();
        assertThat(ends.channel().isShutdown()).isFalse();
        assertThat(ends.channel().isActive()).isTrue();
        succeeds("write", ends.channel().writeAndFlush(bytes("still here")));
        until("written", () -> ends.peer().text().equals("still here"));
        ends.channel().read();
        settle();
        assertThat(app.events).hasSize(5);
    }

    @Test
    void theEndOfInputWaitsUntilEverythingIsRead() {
        Ends ends = open(idle);
        ends.peer().write("unread");
        ends.peer().fin();
        settle();
        assertThat(idle.events).containsExactly("active");
        assertThat(ends.channel().isInputShutdown()).isFalse();
        ends.channel().config().setAutoRead(true);
        until("end", () -> idle.events.contains("nothing more to read"));
        assertThat(idle.text.toString()).isEqualTo("unread");
        assertThat(idle.events)
                .containsExactly("active", "read", "read complete", "input shutdown", "nothing more to read");
    }

    @Test
    void theEndOfInputIsToldOnlyToWhoReads() {
        Ends ends = open(idle);
        ends.peer().fin();
        settle();
        assertThat(idle.events).containsExactly("active");
        assertThat(ends.channel().isInputShutdown()).isFalse();
        ends.channel().read();
        until("end", () -> idle.events.contains("input shutdown"));
        assertThat(ends.channel().isInputShutdown()).isTrue();
        ends.channel().read();
        until("all read", () -> idle.events.contains("nothing more to read"));
        assertThat(idle.events).containsExactly("active", "input shutdown", "nothing more to read");
    }

    @Test
    void whoStopsReadingIsGivenNothingUntilItReadsAgain() {
        app.readsOnce = true;
        Ends ends = open(app);
        ends.peer().write("one");
        until("read", () -> app.events.contains("read complete"));
        ends.peer().write("two");
        settle();
        assertThat(app.text.toString()).isEqualTo("one");
        ends.channel().config().setAutoRead(true);
        until("the rest", () -> app.text.toString().equals("onetwo"));
        ends.peer().write("three");
        settle();
        assertThat(app.text.toString()).isEqualTo("onetwo");
        ends.channel().read();
        until("what was asked for", () -> app.text.toString().equals("onetwothree"));
    }

    @Test
    void shutdownOutputEndsTheOtherSidesInputAndLeavesOursOpen() {
        Ends ends = open(app);
        DuplexChannel channel = ends.channel();
        succeeds("write", channel.writeAndFlush(bytes("bye")));
        succeeds("shutdown", channel.shutdownOutput());
        until("end", () -> ends.peer().sawEnd());
        assertThat(ends.peer().text()).isEqualTo("bye");
        until("told", () -> app.events.contains("output shutdown"));
        assertThat(channel.isOutputShutdown()).isTrue();
        assertThat(channel.isInputShutdown()).isFalse();
        assertThat(channel.isShutdown()).isFalse();
        assertThat(channel.isActive()).isTrue();
        assertThat(channel.isWritable()).isFalse();
        ByteBuf late = bytes("late");
        fails("late write", channel.writeAndFlush(late), ClosedChannelException.class);
        assertThat(late.refCnt()).isZero();
        ends.peer().write("answer");
        until("read", () -> app.text.toString().equals("answer"));
    }

    @Test
    void outputIsShutDownOnce() {
        Ends ends = open(app);
        succeeds("first", ends.channel().shutdownOutput());
        fails("second", ends.channel().shutdownOutput(), ClosedChannelException.class);
        fails("both", ends.channel().shutdown(), ClosedChannelException.class);
        assertThat(ends.channel().isShutdown())
                .as("input has been, all the same")
                .isTrue();
        assertThat(app.events).containsOnlyOnce("output shutdown");
    }

    @Test
    void shutdownOutputFailsWhatHasNotLeft() {
        Ends ends = open(app);
        ChannelFuture write = writeTooMuch(ends);
        succeeds("shutdown", ends.channel().shutdownOutput());
        fails("write", write, ChannelOutputShutdownException.class);
    }

    @Test
    void shutdownInputThrowsAwayWhatComesAndDoesNotTellTheOtherSide() {
        Ends ends = open(app);
        succeeds("shutdown", ends.channel().shutdownInput());
        until("told", () -> app.events.contains("nothing more to read"));
        assertThat(ends.channel().isInputShutdown()).isTrue();
        assertThat(ends.channel().isOutputShutdown()).isFalse();
        assertThat(ends.channel().isShutdown()).isFalse();
        ends.peer().write("nobody reads this");
        settle();
        assertThat(app.text.toString()).isEmpty();
        assertThat(ends.peer().sawEnd()).isFalse();
        succeeds("again", ends.channel().shutdownInput());
        succeeds("write", ends.channel().writeAndFlush(bytes("hear me")));
        until("written", () -> ends.peer().text().equals("hear me"));
        ends.peer().fin();
        ends.channel().read();
        settle();
        assertThat(app.events).containsExactly("active", "nothing more to read");
    }

    @Test
    void shutdownInputThrowsAwayWhatIsUnread() {
        Ends ends = open(idle);
        ends.peer().write("unread");
        settle();
        succeeds("shutdown", ends.channel().shutdownInput());
        assertThat(ends.channel().isInputShutdown()).isTrue();
        ends.channel().config().setAutoRead(true);
        until("told", () -> idle.events.contains("nothing more to read"));
        assertThat(idle.text.toString()).isEmpty();
        assertThat(idle.events).containsExactly("active", "nothing more to read");
    }

    @Test
    void shutdownEndsBothAndLeavesTheChannelToItsOwner() {
        Ends ends = open(app);
        succeeds("shutdown", ends.channel().shutdown());
        until("told", () -> app.events.size() == 3);
        assertThat(app.events).containsExactlyInAnyOrder("active", "output shutdown", "nothing more to read");
        assertThat(ends.channel().isShutdown()).isTrue();
        assertThat(ends.channel().isInputShutdown()).isTrue();
        assertThat(ends.channel().isOutputShutdown()).isTrue();
        assertThat(ends.channel().isOpen()).isTrue();
        until("end", () -> ends.peer().sawEnd());
    }

    @Test
    void aChannelThatHasEndedBothWaysStaysOpenUntilItIsClosed() {
        Ends ends = open(app);
        ends.peer().fin();
        until("end", () -> app.events.contains("nothing more to read"));
        succeeds("shutdown", ends.channel().shutdownOutput());
        until("end there", () -> ends.peer().sawEnd());
        settle();
        assertThat(ends.channel().isShutdown()).isTrue();
        assertThat(ends.channel().isOpen()).isTrue();
        assertThat(ends.channel().isActive()).isTrue();
        assertThat(app.events).doesNotContain("inactive");
        succeeds("close", ends.channel().close());
        until("told", () -> app.events.contains("unregistered"));
        assertThat(app.events).endsWith("inactive", "unregistered");
    }

    @Test
    void aClosedChannelIsShutBothWaysAndRefusesEverything() {
        Ends ends = open(app);
        DuplexChannel channel = ends.channel();
        succeeds("close", channel.close());
        until("told", () -> app.events.contains("unregistered"));
        assertThat(app.events).containsExactly("active", "inactive", "unregistered");
        assertThat(channel.closeFuture().isSuccess()).isTrue();
        assertThat(channel.isOpen()).isFalse();
        assertThat(channel.isActive()).isFalse();
        assertThat(channel.isWritable()).isFalse();
        assertThat(channel.isInputShutdown()).isTrue();
        assertThat(channel.isOutputShutdown()).isTrue();
        assertThat(channel.isShutdown()).isTrue();
        fails("shutdownInput", channel.shutdownInput(), ClosedChannelException.class);
        fails("shutdownOutput", channel.shutdownOutput(), ClosedChannelException.class);
        fails("shutdown", channel.shutdown(), ClosedChannelException.class);
        ByteBuf late = bytes("late");
        fails("write", channel.writeAndFlush(late), ClosedChannelException.class);
        assertThat(late.refCnt()).isZero();
        channel.read();
        succeeds("close again", channel.close());
        settle();
        assertThat(app.events).hasSize(3);
    }

    @Test
    void closeFailsWhatHasNotLeftAndForgetsWhatIsUnread() {
        Ends ends = open(idle);
        ends.peer().write("unread");
        ChannelFuture write = writeTooMuch(ends);
        succeeds("close", ends.channel().close());
        fails("write", write, ClosedChannelException.class);
        ends.channel().config().setAutoRead(true);
        settle();
        assertThat(idle.text.toString()).isEmpty();
    }

    @Test
    void aResetIsAnExceptionAndNothingCanBeWrittenAnyMore() {
        Ends ends = open(app);
        ends.peer().reset();
        until("told", () -> app.events.contains("exception"));
        assertThat(app.events).startsWith("active", "exception");
        fails("write", ends.channel().writeAndFlush(bytes("late")), IOException.class);
        until("closed", () -> !ends.channel().isOpen());
        until("told", () -> app.events.contains("unregistered"));
        assertThat(app.events).containsOnlyOnce("inactive");
    }

    @Test
    void whoDoesNotCareForTheResultPassesTheVoidPromise() {
        Ends ends = open(app);
        DuplexChannel channel = ends.channel();
        channel.writeAndFlush(bytes("bye"), channel.voidPromise());
        until("written", () -> ends.peer().text().equals("bye"));
        channel.shutdownInput(channel.voidPromise());
        until("told", () -> app.events.contains("nothing more to read"));
        channel.shutdownOutput(channel.voidPromise());
        until("end", () -> ends.peer().sawEnd());
        assertThat(app.events).containsExactlyInAnyOrder("active", "nothing more to read", "output shutdown");
    }
}
