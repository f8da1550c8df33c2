/** WebSocket messages (RFC 6455 section 5), read and written in place. Event loop only. */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.websocket;
