/** {@code client doctor}: what a client needs of its machine and its gateways. Blocks; no event loop is held up by it. */
@org.jspecify.annotations.NullMarked
package dev.culvert.client.doctor;
