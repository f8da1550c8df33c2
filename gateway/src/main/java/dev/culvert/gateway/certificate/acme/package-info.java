/**
 * Certificates that look after themselves (RFC 8555). {@link dev.culvert.gateway.certificate.acme.AcmeCertificates} gives them
 * out and answers what is asked meanwhile; on its thread {@link dev.culvert.gateway.certificate.acme.CertificateWork} decides
 * for each name what is due ({@link dev.culvert.gateway.certificate.acme.Renewal},
 * {@link dev.culvert.gateway.certificate.acme.BackOff}, {@link dev.culvert.gateway.certificate.acme.Ledger}) and has an
 * {@link dev.culvert.gateway.certificate.acme.Authority} do it. What must outlive the process, a
 * {@link dev.culvert.gateway.certificate.acme.NameRecord} for each name before all, is written before it counts
 * ({@link dev.culvert.gateway.certificate.acme.AcmeStore}).
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.certificate.acme;
