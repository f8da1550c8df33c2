/** Event loops, and what is particular about those of this system: {@link dev.culvert.tunnel.loop.EventLoops}. */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.loop;
