/**
 * What a client may do and how much of it, now.
 *
 * <p>{@link dev.culvert.gateway.access.PolicyKeeper} reads a {@link dev.culvert.gateway.access.PolicyFile}, compiles it and
 * makes it the {@link dev.culvert.gateway.access.PolicyInForce}, again when file, clock or the {@link
 * dev.culvert.gateway.access.GatewayAddresses} change ({@link dev.culvert.gateway.access.FileWatch}). Each client's link has
 * {@link dev.culvert.gateway.access.ClientRights}, made of its token and that, which give a {@link
 * dev.culvert.gateway.access.Judgement} on each OPEN, for a name with {@link dev.culvert.gateway.access.Restrictions}; what
 * it uses is its {@link dev.culvert.gateway.access.ClientUsage}. {@link dev.culvert.gateway.access.HeldRights} judges flows whose
 * client is not here.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.access;
