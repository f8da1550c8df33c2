/**
 * Certificates that are shown. The gateway's own: a {@link dev.culvert.gateway.certificate.CertificateKeeper} keeps it in force, and
 * gives it as {@link dev.culvert.gateway.certificate.ServedTls} to each connection that comes. Those of published names: a
 * {@link dev.culvert.gateway.certificate.CertificateSource} finds a {@link dev.culvert.gateway.certificate.Certificate} by name,
 * in files ({@link dev.culvert.gateway.certificate.FileCertificates}) or obtained by ACME; what an authority asks to see meanwhile
 * the {@link dev.culvert.gateway.certificate.Challenges} answer.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.certificate;
