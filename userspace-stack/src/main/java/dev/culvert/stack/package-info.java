/** Packets to flows and back. */
@org.jspecify.annotations.NullMarked
package dev.culvert.stack;
