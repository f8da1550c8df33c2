package dev.culvert.gateway.certificate;

import io.netty.handler.ssl.SslContext;

/**
 * TLS with one certificate.
 *
 * @param certificate its SHA-256
 */
public record ServedTls(SslContext context, byte[] certificate) {}
