package dev.culvert.client.names;

import dev.culvert.client.uplink.LimitedVoice;
import dev.culvert.client.uplink.Lines;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.names.DnsMessage;
import dev.culvert.tunnel.names.ResolverName;
import dev.culvert.tunnel.names.ServerQuestion;
import io.netty.buffer.ByteBuf;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The name server inside the stack, by default at {@code 100.127.255.53} and {@code fd63:756c:7665:7274::53}, port 53. A question about a name in an agent's
 * domain is passed on to that agent's own resolver, and its answer back, byte for byte; all others to the name servers that this machine had before, if
 * programs ask nobody else now, or they are refused. Event loop only.
 */
public final class NameService {
    /** Questions that wait for an answer, of all programs of this machine; on each way no more than are then left for the others. */
    static final int MAX_ASKED = 256;

    /** To the name servers that this machine had before. */
    private static final Domains.Way PAST = new Domains.Way("", ResolverName.ROOT);

    /** Connections to it. */
    static final int MAX_STREAMS = 128;

    private static final int DOMAINS_SHOWN = 8;

    private static final int LINES = 16;

    private static final double LINES_PER_SECOND = 0.1;

    private final InetSocketAddress ipv4;
    private final InetSocketAddress ipv6;
    private final WantedDomains wanted;
    private final Uplink uplink;
    private final AgentQuestions agents;
    private final AnswerFilter filter;
    private final Voice voice;
    private Domains domains = Domains.NONE;
    private List<InetSocketAddress> others = List.of();
    private @Nullable Listener listener;
    private final Quota<Domains.Way> asked = new Quota<>(MAX_ASKED, MAX_ASKED);
    private Set<String> unasked = Set.of();
    private int streams;

    /**
     * @param address where it is, in both families
     * @param uplink by which agents are asked
     */
    public NameService(
            ServiceAddresses address, WantedDomains wanted, Uplink uplink, AnswerFilter filter, Voice voice) {
        this.ipv4 = new InetSocketAddress(address.ipv4(), ResolverName.PORT);
        this.ipv6 = new InetSocketAddress(address.ipv6(), ResolverName.PORT);
        this.wanted = wanted;
        this.uplink = uplink;
        this.filter = filter;
        this.voice = new LimitedVoice(
                voice, LINES, LINES_PER_SECOND, uplink.eventLoop().ticker()::nanoTime);
        this.agents = new AgentQuestions(uplink, ipv4, this.voice);
    }

    /** Where it is, in both families: what is sent there is handed to this. */
    public record ServiceAddresses(InetAddress ipv4, InetAddress ipv6) {
        private static final int HOST_4 = 53;

        private static final int HOST_6 = 0x53;

        /** Beside an interface's own addresses, so that several clients of a machine have one each: host 53 of the /24, {@code ::53} of the /120. */
        public static ServiceAddresses beside(InetAddress own4, InetAddress own6) {
            return new ServiceAddresses(host(own4, HOST_4), host(own6, HOST_6));
        }

        private static InetAddress host(InetAddress own, int number) {
            byte[] bytes = own.getAddress();
            int last = bytes.length - 1;
            boolean taken = (bytes[last] ^ number) >> 2 == 0; // by the interface, or the router beside it in its /30
            bytes[last] = (byte) (taken ? number + 4 : number);
            try {
                return InetAddress.getByAddress(bytes);
            } catch (UnknownHostException e) {
                throw new IllegalStateException("an address of 4 or 16 bytes", e);
            }
        }
    }

    /**
     * What it is to be asked.
     *
     * @param domains names at or below these
     * @param search those of them that may be left out of a name, in order
     * @param everything whether all names are asked here
     */
    public record Asked(List<String> domains, List<String> search, boolean everything) {
        /** Whether there is nothing. */
        public boolean isEmpty() {
            return domains.isEmpty() && !everything;
        }
    }

    /** Told when what it is to be asked has changed. Event loop. */
    public interface Listener {
        void asked(Asked now);
    }

    /** From now on; told what there is. Event loop. */
    public void listen(Listener one) {
        listener = one;
        one.asked(asked());
    }

    private Asked asked() {
        List<String> names = domains.names();
        return new Asked(names, wanted.search(names, uplink), domains.agents().containsKey(ResolverName.ROOT));
    }

    /** Who is asked for names that are in no domain, in order; none refuses them. Any thread. */
    public void others(List<InetSocketAddress> servers) {
        uplink.eventLoop().execute(() -> others = List.copyOf(servers));
    }

    /** Whether what is sent there is for this service. */
    public boolean isAt(InetSocketAddress destination) {
        return destination.getPort() == ResolverName.PORT && (destination.equals(ipv4) || destination.equals(ipv6));
    }

    /** What there is to be asked has changed. */
    public void announced() {
        Domains now = wanted.choose(uplink);
        if (!now.equals(domains)) {
            domains = now;
            List<String> lines = now.lines();
            if (listener != null) {
                listener.asked(asked());
            }
            voice.say("names: " + (lines.isEmpty() ? "none" : Lines.some(lines, DOMAINS_SHOWN)));
        }
        Set<String> nobodys = wanted.nobodys(now, uplink);
        List<String> fresh =
                nobodys.stream().filter(domain -> !unasked.contains(domain)).toList();
        unasked = nobodys;
        if (!fresh.isEmpty()) {
            voice.say("names in " + Lines.some(fresh, DOMAINS_SHOWN) + " are asked of no agent: of those that are there"
                    + " none may be asked about them, by the token's"
                    + " --domains and grants ('token show') and the"
                    + " policy");
        }
    }

    /**
     * A datagram of a program's.
     *
     * @param packet taken
     */
    public void datagram(UdpFlow socket, DatagramPacket packet) {
        InetSocketAddress here = packet.recipient();
        question(packet.content(), false, answer -> {
            if (answer == null) {
                return;
            }
            if (socket.isOpen() && socket.isWritable()) {
                socket.writeAndFlush(new DatagramPacket(answer, socket.clientAddress(), here), socket.voidPromise());
            } else {
                answer.release(); // a full interface loses datagrams, as a full wire does
            }
        });
    }

    /** A program connects. */
    public void connection(TcpRequest request) {
        if (streams >= MAX_STREAMS) {
            request.refuse(Refusal.CONNECTION_REFUSED);
            return;
        }
        streams++;
        request.accept(new NameConnection(this)).closeFuture().addListener(f -> streams--);
    }

    /**
     * Answers a question, or does not, where a name server would not.
     *
     * @param message taken
     * @param stream whether it came over TCP, so that its answer may be as long as it likes
     * @param reply told the answer, which is its to release, or null for none; once
     */
    void question(ByteBuf message, boolean stream, Consumer<@Nullable ByteBuf> reply) {
        DnsMessage question = DnsMessage.read(message);
        if (question == null || question.isResponse()) {
            ByteBuf answer = question == null ? DnsMessage.malformed(message.alloc(), message) : null;
            message.release();
            reply.accept(answer);
            return;
        }
        int fault = question.fault();
        Domains.Way way = fault == DnsMessage.NO_ERROR ? domains.wayFor(question) : null;
        if (fault == DnsMessage.NO_ERROR && way == null && others.isEmpty()) {
            fault = DnsMessage.REFUSED;
        } else if (fault == DnsMessage.NO_ERROR && !asked.takeShare(way == null ? PAST : way, 1)) {
            fault = DnsMessage.SERVER_FAILURE;
        }
        if (fault != DnsMessage.NO_ERROR) {
            ByteBuf answer = question.answer(message.alloc(), message, fault, false);
            message.release();
            reply.accept(answer);
            return;
        }
        Answering answering = new Answering(way, question, message, stream, reply);
        if (way != null) {
            ask(way, question, message, stream, answering);
        } else {
            new ServerQuestion(
                            uplink.eventLoop(),
                            Bounded.BY_QUESTIONS,
                            others,
                            question,
                            message.retainedSlice(),
                            stream,
                            answering::answered)
                    .start();
        }
    }

    /** Asks an agent, in the words of its network. */
    private void ask(Domains.Way way, DnsMessage question, ByteBuf message, boolean stream, Answering answering) {
        String there = filter.domainThere(way.agent(), way.domain());
        if (there == null) {
            agents.ask(way, question, message.retainedSlice(), stream, answering);
            return;
        }
        ByteBuf renamed = new Renaming(way.domain(), there).question(message, question);
        DnsMessage asked = renamed == null ? null : DnsMessage.read(renamed);
        if (renamed == null || asked == null) {
            answering.failed(false); // a name as long as names can be
            return;
        }
        answering.renamed(new Renaming(there, way.domain()), asked.questionEnd());
        agents.ask(new Domains.Way(way.agent(), there), asked, renamed, stream, answering);
    }

    /** Each question has a socket, and there are {@link #MAX_ASKED} of those. */
    private enum Bounded implements ServerQuestion.Sockets {
        BY_QUESTIONS;

        @Override
        public boolean take(boolean stream) {
            return true;
        }

        @Override
        public void give(boolean stream) {
            // nothing was taken
        }

        @Override
        public void failed(Throwable cause) {
            // the next server is asked, and in the end it has failed
        }
    }

    /** A question that waits. */
    private final class Answering implements AgentQuestions.Asker {
        private final Domains.@Nullable Way way;
        private final DnsMessage question;
        private final ByteBuf message;
        private final boolean stream;
        private final Consumer<@Nullable ByteBuf> reply;
        private @Nullable Renaming back;
        private int renamedEnd;

        /**
         * @param way null when this machine's own name servers are asked
         * @param message taken
         */
        Answering(
                Domains.@Nullable Way way,
                DnsMessage question,
                ByteBuf message,
                boolean stream,
                Consumer<@Nullable ByteBuf> reply) {
            this.way = way;
            this.question = question;
            this.message = message;
            this.stream = stream;
            this.reply = reply;
        }

        /**
         * Something else is asked in its place.
         *
         * @param how its names become those of this question
         * @param end where that question ends, in bytes from its message's beginning
         */
        void renamed(Renaming how, int end) {
            back = how;
            renamedEnd = end;
        }

        @Override
        public void answered(ByteBuf answer) {
            ByteBuf own = answer;
            if (back != null) {
                own = back.answer(answer, renamedEnd, message, question);
                answer.release();
                if (own == null) {
                    failed(false);
                    return;
                }
            }
            ByteBuf shown = way == null ? own : filter.answered(way.agent(), question, own);
            if (!stream && shown.readableBytes() > question.answerSize()) {
                // RFC 2181 section 9: whoever gets this asks again over TCP.
                shown.release();
                shown = question.answer(message.alloc(), message, DnsMessage.NO_ERROR, true);
            }
            end(shown);
        }

        @Override
        public void failed(boolean silent) {
            end(silent ? null : question.answer(message.alloc(), message, DnsMessage.SERVER_FAILURE, false));
        }

        private void end(@Nullable ByteBuf answer) {
            asked.give(way == null ? PAST : way, 1);
            message.release();
            reply.accept(answer);
        }
    }
}
