/** agent. */
@org.jspecify.annotations.NullMarked
package dev.culvert.agent;
