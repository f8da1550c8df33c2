/**
 * The HTTP reverse proxy between browsers and targets. It knows neither agents nor links, policy or certificates: a {@link
 * dev.culvert.gateway.web.Site} gives it byte streams to targets.
 *
 * <p>In the order of the path: {@link dev.culvert.gateway.web.HttpFront} puts a {@link dev.culvert.gateway.web.Http1Front}
 * behind a {@link dev.culvert.gateway.web.RequestDecoder}, or a {@link dev.culvert.gateway.web.Http2Connection} whose streams are
 * each a {@link dev.culvert.gateway.web.Http2Front} ({@link dev.culvert.gateway.web.Http2Requests}). Each request is an {@link dev.culvert.gateway.web.Exchange}: {@link
 * dev.culvert.gateway.web.Asked} reads it with a strict eye, the {@link dev.culvert.gateway.web.Sites} say who serves it, {@link
 * dev.culvert.gateway.web.HeaderFields} make the target's request of it, and a {@link dev.culvert.gateway.web.Target} that the {@link
 * dev.culvert.gateway.web.Targets} have found takes it there and brings the {@link dev.culvert.gateway.web.Answer}: an {@link
 * dev.culvert.gateway.web.Http1Target}, new or from the {@link dev.culvert.gateway.web.Http1Targets}, or an {@link
 * dev.culvert.gateway.web.Http2Target}, which is a stream of an {@link dev.culvert.gateway.web.Http2TargetConnection} of the {@link
 * dev.culvert.gateway.web.Http2Targets}. What cannot be served is answered with an {@link dev.culvert.gateway.web.ErrorPage}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.web;
