/** What differs by operating system: the device, the host's network, ICMP sockets. */
module dev.culvert.tun {
    requires transitive dev.culvert.address;
    requires dev.culvert.text;
    requires com.sun.jna;
    requires transitive io.netty.buffer;
    requires io.netty.common;
    requires transitive io.netty.transport;
    requires transitive io.netty.transport.classes.epoll;
    requires io.netty.transport.classes.kqueue;
    requires transitive io.netty.transport.unix.common;
    requires static transitive org.jspecify;
    requires org.slf4j;
    requires tools.jackson.core;
    requires tools.jackson.databind;

    exports dev.culvert.tun;
    exports dev.culvert.tun.capture;
    exports dev.culvert.tun.device;
    exports dev.culvert.tun.host;
    exports dev.culvert.tun.icmp;
    exports dev.culvert.tun.resolver;
    exports dev.culvert.tun.undo;
}
