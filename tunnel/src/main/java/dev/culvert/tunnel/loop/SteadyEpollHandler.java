package dev.culvert.tunnel.loop;

import io.netty.channel.IoHandle;
import io.netty.channel.IoHandler;
import io.netty.channel.IoHandlerContext;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.IoOps;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollIoOps;

/**
 * Netty's epoll handler, except that a paused socket stays paused, and stays registered.
 *
 * <p>Netty asks for EPOLLRDHUP, and when the peer half-closes it reads at once, although autoRead is off: what it reads
 * goes to whoever is in the pipeline then, which may be nobody (a socket whose flow is not open yet). So EPOLLRDHUP is
 * left out here: the end of the input is seen by reading up to it, as with the JDK's selector.
 *
 * <p>And Netty 4.2.18 takes a socket in which nothing interests it for the moment (reading paused, nothing to write) out
 * of epoll, then fails with ENOENT, and closes the channel, when that changes. So such a socket keeps EPOLLET.
 */
final class SteadyEpollHandler implements IoHandler {
    private final IoHandler epoll;

    private SteadyEpollHandler(IoHandler epoll) {
        this.epoll = epoll;
    }

    static IoHandlerFactory newFactory() {
        IoHandlerFactory factory = EpollIoHandler.newFactory();
        return executor -> new SteadyEpollHandler(factory.newHandler(executor));
    }

    @Override
    public IoRegistration register(IoHandle handle) throws Exception {
        return new Registration(epoll.register(handle));
    }

    @Override
    public void initialize() {
        epoll.initialize();
    }

    @Override
    public int run(IoHandlerContext context) {
        return epoll.run(context);
    }

    @Override
    public void prepareToDestroy() {
        epoll.prepareToDestroy();
    }

    @Override
    public void destroy() {
        epoll.destroy();
    }

    @Override
    public void wakeup() {
        epoll.wakeup();
    }

    @Override
    public boolean isCompatible(Class<? extends IoHandle> handleType) {
        return epoll.isCompatible(handleType);
    }

    private static final class Registration implements IoRegistration {
        private final IoRegistration registration;

        Registration(IoRegistration registration) {
            this.registration = registration;
        }

        @Override
        public <T> T attachment() {
            return registration.attachment();
        }

        @Override
        public long submit(IoOps ops) {
            EpollIoOps wanted = ((EpollIoOps) ops).without(EpollIoOps.EPOLLRDHUP);
            // Edge-triggered and nothing else: EPOLLERR and EPOLLHUP, which epoll always tells, are told once.
            return registration.submit(EpollIoOps.NONE.equals(wanted) ? EpollIoOps.EPOLLET : wanted);
        }

        @Override
        public boolean isValid() {
            return registration.isValid();
        }

        @Override
        public boolean cancel() {
            return registration.cancel();
        }
    }
}
