/** gateway. */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway;
