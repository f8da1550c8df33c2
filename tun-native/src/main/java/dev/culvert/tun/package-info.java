/** tun-native. */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun;
