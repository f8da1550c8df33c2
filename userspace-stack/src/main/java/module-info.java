/** Packets to flows and back. */
module dev.culvert.stack {
    requires transitive io.netty.buffer;
    requires transitive io.netty.common;
    requires transitive io.netty.transport;
    requires static transitive org.jspecify;
    requires org.slf4j;

    exports dev.culvert.stack;
    exports dev.culvert.stack.ip;
    exports dev.culvert.stack.tcp;
}
