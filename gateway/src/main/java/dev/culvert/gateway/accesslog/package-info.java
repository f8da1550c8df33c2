/**
 * The access log: a line for each request and connection to what is published, in a file for each publication. {@link
 * dev.culvert.gateway.accesslog.AccessLog} takes a {@link dev.culvert.gateway.accesslog.AccessRecord} from the event loops, and {@link
 * dev.culvert.gateway.lines} writes it as {@link dev.culvert.gateway.accesslog.AccessFormat} says. Knows nothing of the gateway around it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.accesslog;
