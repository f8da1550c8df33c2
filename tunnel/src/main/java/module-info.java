/** Frames, links, flows and their relay: what all ends share. */
module dev.culvert.tunnel {
    requires transitive dev.culvert.address;
    requires dev.culvert.text;
    requires com.fasterxml.jackson.annotation;
    requires transitive io.netty.buffer;
    requires io.netty.codec;
    requires transitive io.netty.codec.http;
    requires io.netty.codec.socks;
    requires transitive io.netty.common;
    requires transitive io.netty.handler;
    requires io.netty.handler.proxy;
    requires io.netty.resolver;
    requires transitive io.netty.transport;
    requires io.netty.transport.classes.epoll;
    requires io.netty.transport.classes.kqueue;
    requires io.netty.transport.unix.common;
    requires static transitive org.jspecify;
    requires org.slf4j;
    requires tools.jackson.core;
    requires tools.jackson.databind;

    exports dev.culvert.tunnel.connect;
    exports dev.culvert.tunnel.dial;
    exports dev.culvert.tunnel.flow;
    exports dev.culvert.tunnel.frame;
    exports dev.culvert.tunnel.limit;
    exports dev.culvert.tunnel.link;
    exports dev.culvert.tunnel.look;
    exports dev.culvert.tunnel.loop;
    exports dev.culvert.tunnel.names;
    exports dev.culvert.tunnel.outgoing;
    exports dev.culvert.tunnel.proxy;
}
