package dev.culvert.gateway.publish;

import dev.culvert.address.Transport;
import dev.culvert.gateway.publish.PublicationUsage.Limit;
import dev.culvert.policy.publication.Publication;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.policy.publication.PublicationOptions.Rate;
import dev.culvert.policy.publication.PublicationOptions.User;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How a publication is used, as programs are told.
 *
 * @param connections visitors' connections that there are; of UDP, senders
 * @param turnedAway how many visitors each option has turned away since something is published there, by the option's name
 */
public record UsageAnswer(int connections, Map<String, Long> turnedAway) {
    static UsageAnswer of(PublicationUsage usage) {
        Map<String, Long> turnedAway = new LinkedHashMap<>();
        for (Limit limit : Limit.values()) {
            turnedAway.put(limit.toString(), usage.refused(limit));
        }
        return new UsageAnswer(usage.visits(), turnedAway);
    }

    /** The same for people, with the limits that it has; one sentence a line, and none where there is nothing to say. */
    static List<String> reasons(PublicationUsage usage) {
        Publication publication = usage.published().publication();
        PublicationOptions options = publication.options();
        String whose = publication.transport() == Transport.UDP ? " senders" : " connections";
        List<String> lines = new ArrayList<>();
        if (!options.allow().isEmpty()) {
            lines.add("open only to "
                    + options.allow().stream().map(Object::toString).collect(Collectors.joining(", ")));
        }
        if (options.connections() < Integer.MAX_VALUE) {
            lines.add("at most " + options.connections() + whose + " at once; there are " + usage.visits());
        }
        Rate rate = options.rate();
        if (rate != null) {
            lines.add("of each address at most " + rate.count()
                    + (publication.to().scheme().isHttp() ? " requests" : whose)
                    + (rate.in().toSeconds() == 1 ? " a second" : " a minute"));
        }
        if (options.maxBody() < Long.MAX_VALUE) {
            lines.add("bodies of at most " + options.maxBody() + " bytes");
        }
        if (options.answerSeconds() > 0) {
            lines.add("answers must begin within " + options.answerSeconds() + " s");
        }
        if (!options.users().isEmpty()) {
            lines.add("asks for a name and a password; known are "
                    + options.users().stream().map(User::name).collect(Collectors.joining(", ")));
        }
        String turnedAway = Arrays.stream(Limit.values())
                .filter(limit -> usage.refused(limit) > 0)
                .map(limit -> usage.refused(limit) + " by " + limit)
                .collect(Collectors.joining(", "));
        if (!turnedAway.isEmpty()) {
            lines.add("turned away so far: " + turnedAway);
        }
        return lines;
    }
}
