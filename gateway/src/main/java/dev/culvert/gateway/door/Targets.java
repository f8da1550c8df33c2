package dev.culvert.gateway.door;

import dev.culvert.gateway.instance.Connecting;
import dev.culvert.gateway.instance.InstanceMarks;
import dev.culvert.gateway.instance.Instances;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import dev.culvert.tunnel.flow.LinkFlow;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Connections to the targets of publications over HTTP, with TLS where they speak that. From any thread. */
public final class Targets {
    /** Through which instance a connection goes. */
    private static final AttributeKey<String> ANSWERER = AttributeKey.valueOf(Targets.class, "answerer");

    private final PublishedFlows flows;
    private final Instances instances;
    private final InstanceMarks marks;
    private final Visitors visitors;
    private final TargetTls tls = new TargetTls();

    /**
     * @param marks what visitors are told of the instance that serves them
     * @param visitors for whom flows count
     */
    public Targets(PublishedFlows flows, Instances instances, InstanceMarks marks, Visitors visitors) {
        this.flows = flows;
        this.instances = instances;
        this.marks = marks;
        this.visitors = visitors;
    }

    /**
     * Through the instance that is chosen, or another when that fails. Called on {@code loop}.
     *
     * @param through the instance that it has to be, by its answerer; null for any
     * @param header what the target is told first of the one visitor whom the connection is for; null for nothing
     */
    Future<? extends Channel> connect(
            EventLoop loop, Published to, @Nullable String through, @Nullable ProxyHeader header) {
        InetSocketAddress source = header == null ? null : header.visitor().from();
        Function<String, Future<? extends Channel>> attempt =
                answerer -> connect(loop, to, answerer, source, header == null ? null : header::encode);
        return through == null
                ? Connecting.begin(instances, loop, to, attempt)
                : Connecting.through(through, instances, loop, to, attempt);
    }

    /** Through an instance, by its answerer, for nobody: to look at the target. Called on {@code loop}. */
    public Future<? extends Channel> look(EventLoop loop, Published to, String answerer) {
        int version = to.publication().options().proxyProtocol();
        return connect(loop, to, answerer, null, version == 0 ? null : () -> ProxyHeader.ofNobody(version));
    }

    /** The instance through which a connection goes, by its answerer; null when it is not of these. */
    static @Nullable String answerer(Channel connection) {
        return connection.attr(ANSWERER).get();
    }

    /** Whether a kept connection may serve on: not through an instance that drains, or from which the target is unwell. */
    boolean mayServe(Published to, Channel connection) {
        String answerer = answerer(connection);
        return answerer == null || instances.mayServe(to, answerer);
    }

    /** What visitors are told of those. */
    InstanceMarks marks() {
        return marks;
    }

    /** Through which instances they go. */
    Instances instances() {
        return instances;
    }

    private Future<? extends Channel> connect(
            EventLoop loop,
            Published to,
            String answerer,
            @Nullable InetSocketAddress source,
            @Nullable Supplier<ByteBuf> first) {
        Future<LinkFlow> flow = flows.connect(loop, to, answerer, to.destination(), source);
        flow.addListener(
                f -> { // before anybody else hears of it
                    if (f.isSuccess()) {
                        LinkFlow opened = flow.getNow();
                        opened.attr(ANSWERER).set(answerer);
                        visitors.opened(opened, to.place());
                        if (first != null) {
                            opened.writeAndFlush(first.get(), opened.voidPromise());
                        }
                    }
                });
        return to.publication().to().scheme() == Scheme.HTTPS ? tls.over(flow, to.publication(), loop) : flow;
    }
}
