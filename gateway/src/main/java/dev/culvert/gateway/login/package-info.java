/**
 * Names and passwords that a publication asks for before anything of it is seen (RFC 7617): {@link
 * dev.culvert.gateway.login.BasicLogin} knows those of one publication, {@link dev.culvert.gateway.login.PasswordChecks} computes
 * hashes for all, off the event loops.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.login;
