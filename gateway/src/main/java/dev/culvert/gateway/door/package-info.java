/**
 * From a connection to a link: what strangers meet.
 *
 * <p>In the order of the path: the {@link dev.culvert.gateway.door.Door} listens; {@link
 * dev.culvert.gateway.door.GatewayChannel} asks the {@link dev.culvert.gateway.door.Strangers} whether there is a place, and
 * builds the pipeline: {@link dev.culvert.gateway.door.StrangerTurns}, TLS, the {@link
 * dev.culvert.gateway.door.RequestReader}, and {@link dev.culvert.gateway.door.WebEdge}, which answers as a web server does
 * ({@link dev.culvert.gateway.door.HttpAnswers}). An upgrade goes to the {@link dev.culvert.gateway.door.LinkGate}: an
 * {@link dev.culvert.gateway.door.AttemptLimiter} has its say, the {@link dev.culvert.gateway.door.Authenticator} judges off
 * the loop ({@link dev.culvert.gateway.door.ProofNonces}), and the channel moves to the loops of links ({@link
 * dev.culvert.gateway.door.ReadShares}). Strangers are counted by {@link dev.culvert.gateway.limit.Network}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.door;
