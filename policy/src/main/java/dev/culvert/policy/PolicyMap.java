package dev.culvert.policy;

import dev.culvert.address.PrefixMap;

/**
 * Under which addresses clients see a network behind an agent. It allows nothing: grants, denies and tests speak of the network's own
 * addresses.
 *
 * @param line where it begins in the file
 */
public record PolicyMap(int line, String agent, PrefixMap map) {
    @Override
    public String toString() {
        return map.real() + " of " + agent + " as " + map.shown();
    }
}
