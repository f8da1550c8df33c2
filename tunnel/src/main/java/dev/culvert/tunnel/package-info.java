/** tunnel. */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel;
