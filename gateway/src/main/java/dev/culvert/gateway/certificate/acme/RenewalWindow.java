package dev.culvert.gateway.certificate.acme;

import java.time.Instant;

/**
 * When an authority would like a certificate to be renewed (RFC 9773).
 *
 * @param start of the window
 * @param end of it, after the start
 * @param askAgain from when on it may say something else
 */
record RenewalWindow(Instant start, Instant end, Instant askAgain) {}
