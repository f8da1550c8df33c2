/** {@code gateway doctor}: what a gateway needs of its machine, its state directory and the network. Blocks. */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.doctor;
