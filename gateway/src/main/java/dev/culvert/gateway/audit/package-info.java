/**
 * The audit log: who was connected, what was opened through whom and how it ended, and what became of tokens. One JSON
 * object a line. {@link dev.culvert.gateway.audit.AuditRecord} is what can be said,
 * {@link dev.culvert.gateway.audit.AuditLog} takes it from the event loops, as much of each holder as
 * {@link dev.culvert.gateway.audit.AuditShares} says, and an {@link dev.culvert.gateway.audit.AuditWriter} for each file
 * takes it through a bounded queue and writes it on a thread of its own. Knows nothing of the gateway around it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.audit;
