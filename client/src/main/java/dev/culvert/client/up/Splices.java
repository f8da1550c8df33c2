package dev.culvert.client.up;

import dev.culvert.client.names.NameService;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.StackListener;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import org.jspecify.annotations.Nullable;

/** Joins each new flow of the stack to one on the link, but those to the stack's own name server. Event loop only. */
final class Splices implements StackListener {
    private final Uplink uplink;
    private final FlowCounts counts;
    private final TcpSplice tcp;
    private final @Nullable NameService names;

    /** @param names the stack's own name server; null for none */
    Splices(Uplink uplink, FlowCounts counts, @Nullable NameService names) {
        this.names = names;
        this.uplink = uplink;
        this.counts = counts;
        this.tcp = new TcpSplice(uplink, counts);
    }

    @Override
    public void onTcp(TcpRequest request) {
        if (names != null && names.isAt(request.destination())) {
            names.connection(request);
        } else {
            tcp.onTcp(request);
        }
    }

    @Override
    public void onUdp(UdpFlow flow) {
        flow.pipeline().addLast(new UdpSplice(flow, uplink, counts, names));
    }

    @Override
    public void onEcho(EchoFlow flow) {
        flow.pipeline().addLast(new EchoSplice(flow, uplink, counts));
    }
}
