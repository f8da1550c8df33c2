/**
 * What is published on the gateway: a {@link dev.culvert.policy.publication.Publication} joins a
 * {@link dev.culvert.policy.publication.PublicSide} (a name of the web or ports of the gateway) with a
 * {@link dev.culvert.policy.publication.ServiceTarget} behind an agent, and has
 * {@link dev.culvert.policy.publication.PublicationOptions}. Agents write them too, so nothing here knows of policies; who may
 * publish what is not said here.
 *
 * <p>All values are immutable and may be used from any thread.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.policy.publication;
