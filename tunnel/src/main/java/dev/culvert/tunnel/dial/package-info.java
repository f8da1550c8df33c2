/** Reaching a host that has a name: {@link dev.culvert.tunnel.dial.AddressRace} tries its addresses. */
@NullMarked
package dev.culvert.tunnel.dial;

import org.jspecify.annotations.NullMarked;
