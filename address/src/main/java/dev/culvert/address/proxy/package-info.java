/** Proxies between this machine and a gateway: how people name them, and which of them is for which gateway. Values only. */
@NullMarked
package dev.culvert.address.proxy;

import org.jspecify.annotations.NullMarked;
