/**
 * Questions for an agent's own resolver, as both ends and the gateway between them see them: the destination that means it
 * ({@link dev.culvert.tunnel.names.ResolverName}), and what of a DNS message must be read to pass it on as it is ({@link
 * dev.culvert.tunnel.names.DnsMessage}).
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.names;
