package dev.culvert.gateway.door;

import dev.culvert.gateway.accesslog.AccessLog;
import dev.culvert.gateway.accesslog.AccessRecord;
import dev.culvert.gateway.publish.FlowKey;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.web.RequestLog;
import dev.culvert.gateway.web.RequestRecord;
import dev.culvert.gateway.web.Site;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.time.Clock;

/** Requests for what is published, for the access log; those for the gateway's own pages are none. */
final class WebAccess implements RequestLog {
    private final AccessLog log;

    WebAccess(AccessLog log) {
        this.log = log;
    }

    @Override
    public Clock clock() {
        return log.clock();
    }

    @Override
    public void ended(RequestRecord r) {
        Site found = r.site();
        Site site = found instanceof PlainSites.Waiting waiting ? waiting.published() : found;
        if (!(site instanceof PublishedSite there)) {
            return;
        }
        Published published = there.usage().published();
        Channel target = r.targetChannel();
        FlowKey flow = target == null ? null : FlowKey.of(target);
        log.add(new AccessRecord(
                r.time(),
                r.visitor(),
                null,
                r.user(),
                r.method(),
                r.host(),
                r.target(),
                r.protocol(),
                r.status(),
                r.bytesIn(),
                r.bytesOut(),
                r.life(),
                r.firstByte(),
                r.whole(),
                published.publication().at().toString(),
                published.agent(),
                r.field(HttpHeaderNames.REFERER),
                r.field(HttpHeaderNames.USER_AGENT),
                r.requestId(),
                flow == null ? null : flow.link(),
                flow == null ? null : flow.number()));
    }
}
