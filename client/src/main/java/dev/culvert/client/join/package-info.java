/**
 * Other programs of this machine on the link of the client that is up. {@link dev.culvert.client.join.JoinSocket} listens beside the control
 * socket; who has said there what {@link dev.culvert.client.uplink.JoinGreeting} wants is one of the {@link
 * dev.culvert.client.join.JoinedPrograms}, to which this client is what a gateway is to it: it hears what there is, and each flow that the
 * program opens is joined to one of this client's own ({@code JoinedFlow}). The program's side is {@code Joining}, in the uplink.
 */
@NullMarked
package dev.culvert.client.join;

import org.jspecify.annotations.NullMarked;
