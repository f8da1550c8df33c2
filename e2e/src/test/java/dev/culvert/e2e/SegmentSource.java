package dev.culvert.e2e;

import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.IpStack;
import dev.culvert.stack.StackConfig;
import dev.culvert.stack.StackListener;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.tun.Platform;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunStats;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.util.ReferenceCountUtil;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;

/**
 * A program: the stack on a real TUN. Whoever connects is sent random bytes in random pieces, and the end. Tells of each
 * connection its port, the SHA-256 of what was sent, and what the device has done so far.
 */
final class SegmentSource {
    private static final int BYTES = 8 << 20;
    private static final int MAX_PIECE = 70_000;

    private SegmentSource() {}

    /** Arguments: interface name, MTU, "true" for offload, seed. */
    public static void main(String[] args) throws Exception {
        TunDevice device = Platform.openTun(
                TunConfig.named(args[0]).withMtu(Integer.parseInt(args[1])).withOffload(Boolean.parseBoolean(args[2])));
        long seed = Long.parseLong(args[3]);
        TunChannel tun = device.newChannel();
        tun.pipeline()
                .addLast(new IpStack(StackConfig.builder().mtu(device.mtu()).build(), new StackListener() {
                    @Override
                    public void onTcp(TcpRequest request) {
                        int port = request.source().getPort();
                        request.accept(new Sender(tun, port, new Random(seed + port)));
                    }

                    @Override
                    public void onUdp(UdpFlow flow) {
                        flow.close();
                    }

                    @Override
                    public void onEcho(EchoFlow flow) {
                        flow.close();
                    }
                }));
        EventLoopGroup loops = EventLoops.create(1, "source");
        loops.register(tun).sync();
        System.out.println("READY");
        tun.closeFuture().sync();
    }

    /** Writes while the connection is writable. */
    private static final class Sender extends ChannelInboundHandlerAdapter {
        private final TunChannel tun;
        private final int port;
        private final Random random;
        private final MessageDigest digest;
        private int left = BYTES;

        Sender(TunChannel tun, int port, Random random) {
            this.tun = tun;
            this.port = port;
            this.random = random;
            try {
                this.digest = MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every JDK has SHA-256", e);
            }
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            send(ctx);
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext ctx) {
            send(ctx);
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ReferenceCountUtil.release(msg);
        }

        private void send(ChannelHandlerContext ctx) {
            while (left > 0 && ctx.channel().isWritable()) {
                byte[] piece = new byte[Math.min(left, 1 + random.nextInt(1 + random.nextInt(MAX_PIECE)))];
                random.nextBytes(piece);
                digest.update(piece);
                left -= piece.length;
                ByteBuf b = ctx.alloc().directBuffer(piece.length).writeBytes(piece);
                boolean last = left == 0;
                ctx.write(b).addListener(f -> {
                    if (last) {
                        sent(ctx);
                    }
                });
                if (random.nextBoolean()) {
                    ctx.flush();
                }
            }
            ctx.flush();
        }

        /** Closing earlier would drop what is not written yet, as with any Netty channel. */
        private void sent(ChannelHandlerContext ctx) {
            TunStats s = tun.stats();
            System.out.println("SENT " + port + " " + HexFormat.of().formatHex(digest.digest()) + " super="
                    + (s.superPacketsOut() > 0) + " software=" + (s.softwareOut() > 0) + " refused="
                    + (s.refusedOut() + s.malformedOut() + s.gsoFallbacks()));
            ctx.close();
        }
    }
}
