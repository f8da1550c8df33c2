/**
 * Addresses as values, and as people write them. {@link dev.culvert.address.IpLiteral} reads one and never asks a resolver,
 * {@link dev.culvert.address.AddressText} writes it; {@link dev.culvert.address.IpPrefix} is a range of them,
 * {@link dev.culvert.address.PrefixTable} finds the longest of many that holds one, {@link dev.culvert.address.PrefixMap} has
 * one stand for another, and {@link dev.culvert.address.SensitiveAddresses} are those that only an explicit grant opens. A
 * {@link dev.culvert.address.Target} of a rule is a range or a {@link dev.culvert.address.HostPattern}, with
 * {@link dev.culvert.address.Transport} and {@link dev.culvert.address.PortRanges} beside it.
 *
 * <p>Everywhere an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4 address that it maps.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.address;
