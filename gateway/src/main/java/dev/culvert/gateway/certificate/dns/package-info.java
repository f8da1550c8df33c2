/**
 * Names proved in the DNS (RFC 8555 section 8.4): what wildcards need. {@link dev.culvert.gateway.certificate.dns.DnsProver} finds
 * where a name's record has to stand ({@link dev.culvert.gateway.certificate.dns.DnsLookups} follows a CNAME there and knows the
 * zone), has it put there by a {@link dev.culvert.gateway.certificate.dns.TextRecords}, and waits until the zone's servers show it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.certificate.dns;
