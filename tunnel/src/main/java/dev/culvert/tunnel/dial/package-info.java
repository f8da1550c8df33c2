/**
 * Reaching a host that has a name: {@link dev.culvert.tunnel.dial.AddressRace} tries its addresses, and
 * {@link dev.culvert.tunnel.dial.NetworkError} says what came of it.
 */
@NullMarked
package dev.culvert.tunnel.dial;

import org.jspecify.annotations.NullMarked;
