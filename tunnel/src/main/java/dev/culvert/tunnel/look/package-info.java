/**
 * A second look at what stands at a gateway's address, where no link could be made: which certificate it shows, what it answers to a
 * browser's request, what time it has. No secret is shown to it. Event loop only.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.look;
