package dev.culvert.client.up;

import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.StackListener;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.tcp.TcpRequest;

/** Joins each new flow of the stack to one on the link. Event loop only. */
final class Splices implements StackListener {
    private final Uplink uplink;
    private final FlowCounts counts;
    private final TcpSplice tcp;

    Splices(Uplink uplink, FlowCounts counts) {
        this.uplink = uplink;
        this.counts = counts;
        this.tcp = new TcpSplice(uplink, counts);
    }

    @Override
    public void onTcp(TcpRequest request) {
        tcp.onTcp(request);
    }

    @Override
    public void onUdp(UdpFlow flow) {
        flow.pipeline().addLast(new UdpSplice(flow, uplink, counts));
    }

    @Override
    public void onEcho(EchoFlow flow) {
        flow.pipeline().addLast(new EchoSplice(flow, uplink, counts));
    }
}
