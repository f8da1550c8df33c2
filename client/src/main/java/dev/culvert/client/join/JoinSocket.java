package dev.culvert.client.join;

import dev.culvert.command.control.SocketFile;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The Unix socket at which programs join the client that is up. Opened and closed by one thread, not the loop's. */
public final class JoinSocket implements Closeable {
    /** Connections that the kernel has taken and we have not: a build that opens many at once. */
    private static final int BACKLOG = 128;

    /** For those who have joined to be told that it ends. */
    private static final Duration LAST_WORD = Duration.ofSeconds(1);

    private static final SocketFile.Use USE =
            new SocketFile.Use("socket for flows", "name another place with --control-socket");

    private final SocketFile<Closeable> file;
    private final EventLoop loop;
    private final JoinedPrograms programs;

    private JoinSocket(SocketFile<Closeable> file, EventLoop loop, JoinedPrograms programs) {
        this.file = file;
        this.loop = loop;
        this.programs = programs;
    }

    /**
     * Listens. Blocks.
     *
     * @param group whose members may join beside whom this runs as and root; null for none
     * @param loop of the uplink
     * @throws IOException with one line for people
     */
    public static JoinSocket open(Path path, @Nullable String group, EventLoop loop, JoinedPrograms programs)
            throws IOException {
        return new JoinSocket(SocketFile.open(USE, path, group, at -> listen(at, loop, programs)), loop, programs);
    }

    private static Closeable listen(Path at, EventLoop loop, JoinedPrograms programs) throws IOException {
        ChannelFuture bound = new ServerBootstrap()
                .group(loop)
                .channel(EventLoops.serverDomainSocketChannel())
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        programs.arrived(channel, EventLoops.peerUser(channel));
                    }
                })
                .bind(EventLoops.domainAddress(at))
                .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            throw new IOException(String.valueOf(bound.cause().getMessage()), bound.cause());
        }
        return () -> bound.channel().close().awaitUninterruptibly();
    }

    /** Listens no more, and ends the links of those who have joined: their flows end. Blocks. */
    @Override
    public void close() throws IOException {
        try {
            file.close();
        } finally {
            loop.submit(() -> programs.end("the client that is up went down"))
                    .awaitUninterruptibly(LAST_WORD.toMillis());
        }
    }
}
