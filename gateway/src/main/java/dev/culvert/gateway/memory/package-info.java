/**
 * That memory never ends: {@link dev.culvert.gateway.memory.MemoryWatch} decides what must go, {@link
 * dev.culvert.gateway.memory.MemoryGuard} does it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.memory;
