package dev.culvert.gateway.door;

import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.publish.PipeChannel;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.SiteOptions;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;

/** What certificate authorities ask for on port 80 (RFC 8555 section 8.3), answered by the gateway itself. From any thread. */
final class ChallengeSite implements Site {
    private final Challenges challenges;

    ChallengeSite(Challenges challenges) {
        this.challenges = challenges;
    }

    @Override
    public String name() {
        return "certificates";
    }

    @Override
    public SiteOptions options() {
        return SiteOptions.PLAIN;
    }

    @Override
    public Future<? extends Channel> connect(EventLoop loop) {
        PipeChannel[] pipe = PipeChannel.pair();
        pipe[0].pipeline().addLast(new HttpServerCodec(), new Answers(challenges));
        pipe[1].config().setAutoRead(false);
        loop.register(pipe[0]);
        loop.register(pipe[1]);
        return loop.newSucceededFuture(pipe[1]);
    }

    private static final class Answers extends SimpleChannelInboundHandler<HttpRequest> {
        private final Challenges challenges;

        Answers(Challenges challenges) {
            this.challenges = challenges;
        }

        @Override
        public boolean acceptInboundMessage(Object msg) {
            return msg instanceof HttpRequest; // what else comes is released at the pipeline's end
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, HttpRequest request) {
            String token = request.uri().substring(Math.min(request.uri().length(), Challenges.HTTP_PATH.length()));
            String authorization = challenges.keyAuthorization(token);
            ByteBuf body = Unpooled.copiedBuffer(
                    authorization == null ? "no such challenge\n" : authorization, StandardCharsets.US_ASCII);
            FullHttpResponse response = new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1,
                    authorization == null ? HttpResponseStatus.NOT_FOUND : HttpResponseStatus.OK,
                    body);
            response.headers()
                    .set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_OCTET_STREAM)
                    .setInt(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
            ctx.writeAndFlush(response);
        }
    }
}
