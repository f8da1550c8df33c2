package dev.culvert.gateway.doctor;

import dev.culvert.address.AddressText;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Whether the names by which tokens call this gateway, and perhaps others of its, can be found. */
final class UrlsCheck implements Check {
    private final GatewayChecks.State state;

    UrlsCheck(GatewayChecks.State state) {
        this.state = state;
    }

    @Override
    public String name() {
        return "URL";
    }

    @Override
    public List<Finding> look() {
        List<URI> urls;
        try {
            urls = state.open().gatewayUrls();
        } catch (IOException e) {
            return List.of(Finding.open(name(), "it is in the state directory"));
        }
        if (urls.isEmpty()) {
            return List.of(Finding.bad(name(), "tokens would name no gateway", "token init --gateway wss://NAME"));
        }
        List<Finding> findings = new ArrayList<>();
        for (URI url : urls) {
            try {
                String addresses = Arrays.stream(InetAddress.getAllByName(AddressText.host(url)))
                        .map(AddressText::of)
                        .collect(Collectors.joining(", "));
                findings.add(Finding.good(name(), url + " is " + addresses));
            } catch (UnknownHostException e) {
                findings.add(Finding.bad(
                        name(),
                        url + ": the name cannot be resolved here",
                        "is it written right, and in the DNS? dig NAME A AAAA"));
            }
        }
        return findings;
    }
}
