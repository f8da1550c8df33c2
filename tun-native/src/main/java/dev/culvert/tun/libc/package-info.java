/** The C library, through JNA, and what the kernel says in /proc: for set-up, never for a packet. */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.libc;
