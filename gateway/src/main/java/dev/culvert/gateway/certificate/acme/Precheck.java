package dev.culvert.gateway.certificate.acme;

import org.jspecify.annotations.Nullable;

/** Asked before an authority is: each attempt that must fail costs one of the five in an hour. */
public interface Precheck {
    /** Every name may be tried. */
    Precheck NONE = name -> null;

    /**
     * Blocks; on the thread of the work.
     *
     * @param name a host name or an address
     * @return null when the name points here, as far as can be seen; else why not, and what to do, for people
     */
    @Nullable
    String complaint(String name);
}
