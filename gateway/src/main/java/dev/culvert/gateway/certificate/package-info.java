/**
 * The certificate that the gateway shows: a {@link dev.culvert.gateway.certificate.CertificateKeeper} keeps it in force, and
 * gives it as {@link dev.culvert.gateway.certificate.ServedTls} to each connection that comes.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.certificate;
