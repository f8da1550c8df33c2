package dev.culvert.gateway.web;

import dev.culvert.address.IpPrefix;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.local.LocalServerChannel;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A browser and targets of one site as channels on one loop, in frozen time: what is said by one is heard by the other at once. */
final class Stage implements AutoCloseable {
    static final String NAME = "app.example.com";

    final TestSite site = new TestSite(null);

    /** By what ways it is reached, the first first; empty for one that has no name. */
    final List<String> ways = new ArrayList<>();

    /** Whether browsers come back by the way that they were led. */
    boolean keepsWays;

    /** Of these those by which the target refuses connections. */
    final Set<String> refusing = new HashSet<>();

    /** The way by which each connection went, as {@link #targets}, and what was told of them. */
    final List<String> went = new ArrayList<>();

    /** Connections on which nothing goes anywhere now. */
    final Set<Channel> lost = new HashSet<>();

    final List<String> told = new ArrayList<>();
    private final Map<String, TestSite> byWay = new HashMap<>();

    /** What is there now. */
    @Nullable
    Site published = site;

    final List<End> targets = new ArrayList<>();
    final End browser;
    private final InetAddress address;
    private final @Nullable ByteBufAllocator memory;
    SiteOptions options = SiteOptions.PLAIN;

    /** Who is said to have asked. */
    String user = "";

    /** Why nobody is let in. */
    @Nullable
    Throwable turnsAway;

    /** Whether it takes until later to be let in. */
    boolean holdsEntry;

    @Nullable
    private Promise<String> entry;

    @Nullable
    Throwable refusal;

    @Nullable
    private Promise<Channel> pending;

    boolean holdsConnects;
    boolean speaksHttp2;

    /** Whether connections to the target are of the one browser. */
    boolean ofOneBrowser;

    /** What became of requests that have ended. */
    final List<RequestRecord> records = new ArrayList<>();

    Stage() {
        this("http/1.1");
    }

    Stage(String protocol) {
        this(protocol, true, false);
    }

    Stage(String protocol, boolean secure, boolean trustedProxy) {
        this(protocol, secure, trustedProxy, null);
    }

    /** @param memory what all channels have their buffers from; null for the default */
    Stage(String protocol, boolean secure, boolean trustedProxy, @Nullable ByteBufAllocator memory) {
        this.memory = memory;
        try {
            address = InetAddress.getByName("203.0.113.9");
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
        browser = new End();
        lend(browser);
        browser.freezeTime();
        HttpFront.install(
                browser.pipeline(),
                new Sites() {
                    @Override
                    public @Nullable Site find(String host, String path) {
                        return host.equals(NAME) ? published : null;
                    }

                    @Override
                    public RequestLog requestLog() {
                        return new RequestLog() {
                            @Override
                            public Clock clock() {
                                return Clock.systemUTC();
                            }

                            @Override
                            public void ended(RequestRecord request) {
                                records.add(request);
                            }
                        };
                    }

                    @Override
                    public Future<String> admit(Site found, HttpRequest request, Browser asking, EventLoop loop) {
                        Promise<String> p = loop.newPromise();
                        entry = p;
                        Throwable no = turnsAway;
                        if (no != null) {
                            p.setFailure(no);
                        } else if (!holdsEntry) {
                            p.setSuccess(user);
                        }
                        return p;
                    }
                },
                new Browser(
                        address,
                        secure,
                        trustedProxy ? List.of(IpPrefix.of(address), IpPrefix.parse("198.51.100.0/24")) : List.of()),
                protocol);
    }

    private void lend(End end) {
        if (memory != null) {
            end.config().setAllocator(memory);
        }
    }

    /** The connection to the target that is being waited for. */
    Promise<Channel> pending() {
        Promise<Channel> p = pending;
        if (p == null) {
            throw new AssertionError("nobody connects");
        }
        return p;
    }

    /** The way in that is being waited for. */
    Promise<String> entry() {
        Promise<String> p = entry;
        if (p == null) {
            throw new AssertionError("nobody wants in");
        }
        return p;
    }

    /** What the browser has been sent since it was last asked. */
    String answered() {
        return browser.sent();
    }

    /** What the n-th connection to the target has been sent since it was last asked. */
    /** Without the request's number, which is another each time. */
    String asked(int n) {
        return askedWhole(n).replaceAll("X-Request-Id: [0-9a-f]{32}\r\n", "");
    }

    String askedWhole(int n) {
        return targets.get(n).sent();
    }

    void say(String request) {
        browser.receive(request);
    }

    void answer(int n, String answer) {
        targets.get(n).receive(answer);
    }

    void pass(long seconds) {
        browser.advanceTimeBy(seconds, TimeUnit.SECONDS);
        browser.runPendingTasks();
    }

    @Override
    public void close() {
        browser.end();
        for (int i = 0; i < targets.size(); i++) { // there may be another in place of one that has ended
            targets.get(i).end();
        }
        browser.sent();
        targets.forEach(End::sent);
        browser.checkException();
    }

    /** The site, by a way alone. */
    private TestSite by(String way) {
        return byWay.computeIfAbsent(way, TestSite::new);
    }

    final class TestSite implements Site, Ways {
        private final @Nullable String way;

        TestSite(@Nullable String way) {
            this.way = way;
        }

        @Override
        public boolean hasPath(Channel connection) {
            return !lost.contains(connection);
        }

        @Override
        public @Nullable Ways ways() {
            return ways.isEmpty() ? null : this;
        }

        @Override
        public @Nullable String of(Channel connection) {
            return went.get(targets.indexOf(connection));
        }

        @Override
        public @Nullable Way choose(Set<String> tried, Predicate<String> wanted) {
            List<String> left = ways.stream().filter(w -> !tried.contains(w)).toList();
            return left.stream()
                    .filter(wanted)
                    .findFirst()
                    .or(() -> left.stream().findFirst())
                    .map(w -> new Way(w, by(w)))
                    .orElse(null);
        }

        @Override
        public boolean areKept() {
            return keepsWays;
        }

        @Override
        public String mark(String name) {
            return "mark-of-" + name;
        }

        @Override
        public String path() {
            return "/";
        }

        @Override
        public void unanswered(Channel connection) {
            told.add("unanswered by " + of(connection));
        }

        @Override
        public void answered(Channel connection) {
            told.add("answered by " + of(connection));
        }

        @Override
        public String name() {
            return NAME;
        }

        @Override
        public SiteOptions options() {
            return options;
        }

        @Override
        public boolean isShared() {
            return !ofOneBrowser;
        }

        @Override
        public boolean speaksHttp2() {
            return speaksHttp2;
        }

        @Override
        public Future<? extends Channel> connect(EventLoop loop) {
            Throwable cause = refusal;
            if (cause != null) {
                return loop.newFailedFuture(cause);
            }
            if (holdsConnects) {
                Promise<Channel> promise = loop.newPromise();
                pending = promise;
                return promise;
            }
            String by = way != null ? way : ways.isEmpty() ? "" : ways.get(0);
            if (refusing.contains(by)) {
                return loop.newFailedFuture(new FlowException(Reason.CONNECTION_REFUSED, "refused by " + by));
            }
            went.add(by);
            return loop.newSucceededFuture(target(loop));
        }

        End target(EventLoop loop) {
            if (loop != browser.eventLoop()) {
                throw new AssertionError("another loop");
            }
            End end = new End(browser);
            lend(end);
            targets.add(end);
            return end;
        }
    }

    /** A channel whose other end is the test. */
    static final class End extends EmbeddedChannel {
        /** Of all channels on the loop: whether it is at something, behind which its tasks have their turn, and not within. */
        private final @Nullable AtomicBoolean busy;

        int reads;
        boolean stalls; // what is flushed stays where it is, as if its other end did not read

        /** An accepted one: by its parent Netty's multiplexer knows that it serves, and stream 1 is a browser's like any other. */
        End() {
            super(new LocalServerChannel(), DefaultChannelId.newInstance(), true, false);
            busy = new AtomicBoolean();
            count();
        }

        /** One on another's loop. */
        End(End other) {
            super(false, false);
            busy = other.busy;
            other.eventLoop().register(this).syncUninterruptibly();
            count();
        }

        /** An embedded channel runs tasks within any write, which may be between a frame's head and its content. */
        @Override
        public void runPendingTasks() {
            if (busy == null) {
                super.runPendingTasks(); // within the constructor
            } else if (busy.compareAndSet(false, true)) {
                try {
                    super.runPendingTasks();
                } finally {
                    busy.set(false);
                }
            }
        }

        @Override
        public boolean writeInbound(Object... messages) {
            AtomicBoolean shared = Objects.requireNonNull(busy);
            boolean first = shared.compareAndSet(false, true);
            boolean any = super.writeInbound(messages);
            if (first) {
                shared.set(false);
                runPendingTasks();
            }
            return any;
        }

        private void count() {
            pipeline().addFirst(new ChannelOutboundHandlerAdapter() {
                @Override
                public void read(ChannelHandlerContext ctx) {
                    reads++;
                    ctx.read();
                }
            });
        }

        @Override
        protected void doWrite(ChannelOutboundBuffer out) throws Exception {
            if (!stalls) {
                super.doWrite(out);
            }
        }

        /** Not {@link #close()}, which cancels what others have scheduled on the loop. */
        void end() {
            pipeline().close();
            runPendingTasks();
        }

        void receive(String text) {
            writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1));
        }

        /** Whether it is written to, as if its other end did (not) read. */
        void takes(boolean takes) {
            unsafe().outboundBuffer().setUserDefinedWritability(1, takes);
            runPendingTasks();
        }

        String sent() {
            StringBuilder text = new StringBuilder();
            for (Object o = readOutbound(); o != null; o = readOutbound()) {
                ByteBuf bytes = (ByteBuf) o;
                text.append(bytes.toString(StandardCharsets.ISO_8859_1));
                bytes.release();
            }
            return text.toString();
        }
    }
}
