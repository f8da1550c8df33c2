/**
 * Which name servers this machine asks: declared ({@link dev.culvert.tun.resolver.ResolverConfig}), and kept so by a {@link
 * dev.culvert.tun.resolver.HostResolver}, which is one of several by what the machine is set up with. How to take it back is in the
 * journal before. Everything here blocks.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.resolver;
