/** Where what gateways share is kept, as programs are told on their command lines. */
@NullMarked
package dev.culvert.token.store;

import org.jspecify.annotations.NullMarked;
