package dev.culvert.policy;

import dev.culvert.policy.publication.Publication;

/**
 * What the policy's author has published through an agent, whose token must hold the right to it; no {@link PublishRule} is asked.
 *
 * @param line where it begins in the file
 */
public record PolicyPublication(int line, String agent, Publication publication) {
    @Override
    public String toString() {
        return publication.at() + " through " + agent + " to " + publication.to() + publication.options();
    }
}
