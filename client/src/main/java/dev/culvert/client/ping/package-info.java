/** {@code client ping}: how long each part of the way to a host takes. */
@NullMarked
package dev.culvert.client.ping;

import org.jspecify.annotations.NullMarked;
