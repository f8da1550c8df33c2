package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.flow.ScarceMemory;
import dev.culvert.tunnel.limit.RepeatableTables;
import io.netty.channel.ManualIoEventLoop;
import io.netty.channel.local.LocalIoHandler;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;

/**
 * Clients, instances of an agent, and gateways between them in one thread and frozen time, with links that the seed cuts, loses and
 * delays: all of it the product's own, but for sockets and {@linkplain Program programs}. {@link Weather} is what happens to it.
 */
@NullUnmarked
final class Simulation implements AutoCloseable {
    /** Until then all must have ended, in calm weather: some minutes. */
    private static final int CALM_STEPS = 8_000;

    private static final int CALM_STEP_MILLIS = 50;

    /** So long nobody does anything: some of the times after which it is told what has come. */
    private static final int REST_STEPS = 40;

    /** So long nothing may happen before all is over. */
    private static final int QUIET_STEPS = 20;

    /** How often all links carry what they have, until nothing is under way. */
    private static final int MOST_ROUNDS = 50;

    private static final int MOST_HELD = 10_000;

    final Random random;
    final Scenario scenario;
    final MockTicker ticker = Ticker.newMockTicker();
    final ManualIoEventLoop loop =
            new ManualIoEventLoop(null, Thread.currentThread(), LocalIoHandler.newFactory(), ticker);
    final CountedMemory memory;
    final List<SimulatedGateway> gateways = new ArrayList<>();
    final List<SimulatedClient> clients = new ArrayList<>();

    /** The processes that there are, of one agent. */
    final List<SimulatedAgent> agents = new ArrayList<>();

    final List<SimulatedLink> links = new ArrayList<>();

    /** Links that clients have given up for others, and not closed yet. */
    final List<SimulatedLink> givenUp = new ArrayList<>();

    final List<Application> applications = new ArrayList<>();
    final Intruder intruder;
    final HostileAgent hostile;
    final HeldOrder held = new HeldOrder(this);
    private final List<String> ended = new ArrayList<>();
    private final RepeatableTables tables;
    private final long memoryBefore = ScarceMemory.taken();
    private int instances;
    private Throwable failure;
    boolean calm;
    long calmSinceNanos;
    int senders;

    /** How often flows went on over another path. */
    int wentOn;

    /** Whether all frames are written down on the terminal. */
    boolean tells;

    /** Whether policies have forbidden something. */
    boolean forbids;

    final SimulatedStore store = new SimulatedStore();

    /** Of all that was on its way, and when: the same for the same seed. */
    private long trace;

    Simulation(long seed, Scenario scenario) {
        this(new Random(seed), scenario, false);
    }

    /** @param watched whether the leak detector watches each buffer */
    Simulation(Random random, Scenario scenario, boolean watched) {
        this.random = random;
        this.tables = new RepeatableTables(new Random(random.nextLong())::nextLong);
        this.scenario = scenario;
        this.memory = new CountedMemory(watched);
        for (int i = 0; i < scenario.gateways(); i++) {
            gateways.add(new SimulatedGateway(this));
        }
        for (int i = 0; i < scenario.clients(); i++) {
            clients.add(new SimulatedClient(this, i == 0 ? "ann" : "bob", scenario.clientVersion(), List.of()));
        }
        for (int i = 0; i < scenario.instances(); i++) {
            agents.add(newAgent());
        }
        hostile = scenario.hostile() ? new HostileAgent(this) : null;
        intruder = scenario.intruder() ? new Intruder(this, client().name, random.nextBoolean() ? "eve" : "ann") : null;
    }

    OpenedFlows openedFlows(ClientSession session) {
        OpenedFlows.Listener listener = n -> wentOn += n;
        long kept = scenario.keptBytes();
        return kept > 0 ? ScarceMemory.opened(loop, session, listener, kept) : new OpenedFlows(loop, session, listener);
    }

    private SimulatedAgent newAgent() {
        AnsweredFlows.Judge judge = (flow, asked) -> true;
        long kept = scenario.keptBytes();
        int mostHeld = scenario.mostHeld() > 0 ? scenario.mostHeld() : MOST_HELD;
        AnsweredFlows flows = kept > 0
                ? ScarceMemory.answered(loop, mostHeld, judge, kept)
                : new AnsweredFlows(loop, mostHeld, judge);
        return new SimulatedAgent(this, "instance-" + ++instances, scenario.agentVersion(), flows, ended);
    }

    SimulatedClient client() {
        return clients.get(0);
    }

    SimulatedAgent agent() {
        return agents.get(0);
    }

    Stream<SimulatedEnd> ends() {
        return Stream.concat(clients.stream(), agents.stream());
    }

    Stream<FlowSession> sessions() {
        return ends().map(SimulatedEnd::session);
    }

    void fails(Throwable why) {
        if (failure == null) {
            failure = why;
        }
    }

    private void check() {
        if (failure != null) {
            throw new AssertionError(failure);
        }
    }

    /** Writes down what happens, if that is wanted. */
    void tell(Supplier<String> what) {
        if (tells) {
            System.out.printf("%8d ms  %s%n", TimeUnit.NANOSECONDS.toMillis(ticker.nanoTime()), what.get());
        }
    }

    /** What has happened until now, as a number. */
    long trace() {
        return trace;
    }

    /** A new flow of a client. */
    Application open(SimulatedClient client, boolean stream, boolean mayBeForbidden) {
        Application a = new Application(this, client, applications.size(), stream, mayBeForbidden);
        applications.add(a);
        client.open(a);
        return a;
    }

    /** A stream of the first client. */
    Application open() {
        return open(client(), true, false);
    }

    /** An agent answers. */
    void answer(IncomingFlow flow, SimulatedAgent agent) {
        if (Intruder.isIts(flow)) {
            intruder.new Callee().answers(flow);
        } else {
            applications
                    .get(flow.request().destination().port() - Application.PORT)
                    .answer(flow, agent);
        }
    }

    /** Something happens, and perhaps not much. */
    void step() {
        ticker.advance(random.nextInt(20), TimeUnit.MILLISECONDS);
        connectIfDue();
        for (int i = random.nextInt(2 + 2 * links.size()); i >= 0 && !links.isEmpty(); i--) {
            links.get(random.nextInt(links.size())).carry(random);
            loop.runNow();
        }
        for (SimulatedAgent agent : agents) {
            if (random.nextInt(3) == 0) {
                agent.answer();
            }
        }
        for (Application a : applications) {
            (random.nextBoolean() ? Stream.of(a.caller) : a.callees()).forEach(p -> p.act(false));
        }
        if (intruder != null && random.nextInt(10) == 0) {
            intruder.act();
        }
        if (hostile != null && random.nextInt(3) == 0) {
            hostile.act();
        }
        endStep();
    }

    /** All happens that can. */
    private void calmStep() {
        ticker.advance(CALM_STEP_MILLIS, TimeUnit.MILLISECONDS);
        connectIfDue();
        carryAllOnce();
        agents.forEach(SimulatedAgent::answerAll);
        for (Application a : applications) {
            a.caller.act(true);
            a.callees().forEach(p -> p.act(true));
        }
        endStep();
    }

    private void connectIfDue() {
        clients.forEach(SimulatedClient::connectIfDue);
        agents.forEach(SimulatedAgent::connectIfDue);
        if (intruder != null) {
            intruder.connectIfDue();
        }
        if (hostile != null) {
            hostile.connectIfDue();
        }
    }

    private void endStep() {
        loop.runNow();
        for (SimulatedLink link : links) {
            trace = 31 * (31 * trace + link.near.underway()) + link.far.underway();
        }
        trace = 31 * trace + ticker.nanoTime();
        links.removeIf(SimulatedLink::isOver);
        held.look();
        check();
    }

    private void carryAllOnce() {
        for (SimulatedLink link : List.copyOf(links)) {
            link.carryAll();
        }
        loop.runNow();
    }

    /** Carries whatever is under way, until nothing is. */
    void carryAll() {
        for (int i = 0, idle = 0; i < MOST_ROUNDS && idle < 3; i++) {
            ticker.advance(1, TimeUnit.MILLISECONDS);
            loop.runNow();
            carryAllOnce();
            idle = links.stream().allMatch(l -> l.near.underway() + l.far.underway() == 0) ? idle + 1 : 0;
        }
        check();
    }

    /** The agents answer all that wait. */
    void answerAll() {
        agents.forEach(SimulatedAgent::answerAll);
        carryAll();
    }

    /** Time in which nobody does anything, but links live. */
    void pass(Duration time) {
        long step = Math.min(time.toMillis(), 3_000);
        for (long left = time.toMillis(); left > 0; left -= step) {
            held.look();
            ticker.advance(step, TimeUnit.MILLISECONDS);
            for (int i = 0; i < 4; i++) {
                loop.runNow();
                carryAllOnce();
            }
        }
        held.look();
        check();
    }

    /** Until all are connected, and know of each other. */
    void meet() {
        for (int i = 0; i < 1_000 && !isConnected(); i++) {
            connectIfDue();
            carryAll();
        }
        pass(Duration.ofSeconds(2));
    }

    boolean isConnected() {
        return clients.stream().allMatch(SimulatedClient::isUp)
                && agents.stream().allMatch(SimulatedAgent::isUp);
    }

    /** A process of the agent is no more, and another has its place. */
    void kill(SimulatedAgent agent) {
        applications.forEach(a -> a.killed(agent));
        agent.kill();
        applications.stream()
                .flatMap(Application::callees)
                .filter(p -> p.dead && p.channel != null)
                .forEach(p -> p.channel.close());
        ended.add(agent.instance);
        agents.set(agents.indexOf(agent), newAgent());
    }

    /** A client's process ends in order, or is no more, and another has its place. */
    void succeed(SimulatedClient client) {
        applications.forEach(a -> a.killed(client));
        if (random.nextBoolean()) {
            client.stop();
        } else {
            client.kill(random.nextBoolean());
        }
        applications.stream()
                .filter(a -> a.client == client && a.caller.channel != null)
                .forEach(a -> a.caller.channel.close());
        if (hostile != null) {
            hostile.killed(client);
        }
        clients.set(clients.indexOf(client), client.successor());
    }

    /** Good weather, until all flows have ended, and some more: with those each agent hears which are over. */
    void calmDown() {
        calm = true;
        calmSinceNanos = ticker.nanoTime();
        if (intruder != null) {
            intruder.leave();
        }
        if (hostile != null) {
            hostile.isTamed();
        }
        links.stream().filter(l -> l.lost || givenUp.contains(l)).forEach(SimulatedLink::cut);
        gateways.forEach(SimulatedGateway::comesBack);
        agreeOnAPolicy();
        rest();
        settle();
        pass(scenario.endsFlows() ? AnsweredFlows.FORSAKEN.plusMinutes(1) : Duration.ofSeconds(1));
        meet();
        for (SimulatedClient client : clients) {
            for (int i = 0; i < agents.size(); i++) {
                open(client, true, false);
                carryAll();
            }
        }
        settle();
        for (int i = 0; i < 15 && agents.stream().anyMatch(a -> a.flows.count() > 0); i++) {
            pass(Duration.ofSeconds(12));
        }
    }

    /** When all have looked, and looked again, each has the newest that one of them had; another is then newer than all. */
    private void agreeOnAPolicy() {
        SimulatedStore.Policy newest = gateways.stream()
                .map(SimulatedGateway::policy)
                .max(Comparator.naturalOrder())
                .orElseThrow();
        gateways.forEach(SimulatedGateway::looks);
        gateways.forEach(SimulatedGateway::looks);
        if (store.policy().compareTo(newest) < 0
                || !gateways.stream().allMatch(g -> g.policy().equals(store.policy()))) {
            fails(new AssertionError("gateways disagree on their policy, or have lost the newest"));
        }
        store.push("");
        gateways.forEach(SimulatedGateway::looks);
    }

    /** Nobody does anything: whatever has come is told before long, and who sent it keeps nothing of it; and what a client had that has ended has, too. */
    private void rest() {
        meet();
        for (int i = 0; i < REST_STEPS; i++) {
            agents.forEach(SimulatedAgent::answerAll);
            ticker.advance(CALM_STEP_MILLIS, TimeUnit.MILLISECONDS);
            carryAllOnce();
        }
        for (Application a : applications) {
            Stream.concat(Stream.of(a.caller), a.callees())
                    .filter(p -> p.channel != null && !p.dead && p.channel.isOpen() && p.channel.isAttached())
                    .filter(p -> p.channel.keptBytes() > 0)
                    .forEach(p -> fails(new AssertionError("keeps what must have come: " + p + " of " + a)));
            boolean met = agents.stream()
                    .allMatch(agent -> clients.stream().allMatch(client -> agent.isAt(client.gateway())));
            if (met && a.isHaunted() && scenario.agentVersion() >= 2) {
                fails(new AssertionError("its client has ended, and its successor has come: " + a));
            }
        }
        check();
    }

    private void settle() {
        int quiet = 0;
        for (int i = 0; quiet < QUIET_STEPS; i++) {
            if (i > CALM_STEPS) {
                throw new AssertionError("not ended: "
                        + applications.stream().filter(a -> !a.isOver()).toList()
                        + (hostile == null ? "" : hostile.whatIsLeft()));
            }
            calmStep();
            quiet = applications.stream().allMatch(Application::isOver) && (hostile == null || hostile.isOver())
                    ? quiet + 1
                    : 0;
        }
    }

    /**
     * All links end, and so much time passes that nothing is held any more.
     *
     * @return what is left of buffers then
     */
    long leftovers() {
        if (intruder != null) {
            intruder.leave();
        }
        if (hostile != null) {
            hostile.leave();
        }
        links.forEach(SimulatedLink::cut);
        loop.runNow();
        ticker.advance(FlowSession.HOLD.plusMinutes(1).toMillis(), TimeUnit.MILLISECONDS);
        for (int i = 0; i < 10; i++) {
            loop.runNow();
            ticker.advance(1, TimeUnit.SECONDS);
        }
        return memory.bytes() + ScarceMemory.taken() - memoryBefore;
    }

    @Override
    public void close() {
        links.forEach(SimulatedLink::cut);
        sessions().forEach(s -> s.close("the end"));
        loop.runNow();
        // The loop is left as it is, without a thread: to shut it down it would sleep a tenth of a second, of real
        // time.
        tables.close();
    }
}
