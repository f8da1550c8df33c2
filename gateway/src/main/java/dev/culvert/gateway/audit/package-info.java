/**
 * The audit log: who was connected, what was opened through whom and how it ended, and what became of tokens. One JSON
 * object a line. {@link dev.culvert.gateway.audit.AuditRecord} is what can be said,
 * {@link dev.culvert.gateway.audit.AuditLog} takes it from the event loops, as much of each holder as
 * {@link dev.culvert.gateway.audit.AuditShares} says, and {@link dev.culvert.gateway.lines} writes it. Knows nothing of the gateway around it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.audit;
