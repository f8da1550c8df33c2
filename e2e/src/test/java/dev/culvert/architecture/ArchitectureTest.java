package dev.culvert.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The arrows of the plan: which room may know which. */
final class ArchitectureTest {
    private static final Pattern EMPTY_WORDS = Pattern.compile(
            "(Manager|Helper|Utils?|Utilities|Common|Impl)(?![a-z])|(^|\\.)(manager|helper|utils?|common|core|impl)(\\.|$)");

    private static JavaClasses house;

    @BeforeAll
    static void read() {
        house = new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .withImportOption(location -> !location.contains("-tests.jar")) // fixtures of other modules
                .importPackages("dev.culvert");
    }

    /** Each room and whom it may know, as docs/architecture.md has them. */
    private static final Map<String, List<String>> ROOMS = Map.ofEntries(
            entry("text", List.of()),
            entry("address", List.of("text")),
            entry("command", List.of("text", "address")),
            entry("tun", List.of("text", "address")),
            entry("stack", List.of()),
            entry("store", List.of("text")),
            entry("token", List.of("text", "address", "command", "store")),
            entry("policy", List.of("text", "address", "token")),
            entry("tunnel", List.of("text", "address")),
            entry("gateway", List.of("text", "address", "command", "store", "token", "policy", "tunnel")),
            entry("agent", List.of("text", "address", "command", "token", "policy", "tunnel", "tun")),
            entry("client", List.of("text", "address", "command", "token", "tunnel", "tun", "stack")));

    @Test
    void everyRoomKnowsOnlyWhomItMay() {
        assertThat(house.stream().map(c -> c.getPackageName().split("\\.")[2])).isSubsetOf(ROOMS.keySet());
        ROOMS.forEach((room, others) -> knowsOnly(room, others).check(house));
    }

    @Test
    void agentKnowsOfTheSystemIcmpSocketsOnly() {
        noClasses()
                .that()
                .resideInAPackage("dev.culvert.agent..")
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("dev.culvert.tun..").and(resideOutsideOfPackages("dev.culvert.tun.icmp..")))
                .check(house);
    }

    /** What a room's classes touch of ours lies in these rooms. */
    private static ArchRule knowsOnly(String room, List<String> others) {
        String[] rooms = Stream.concat(Stream.of(room), others.stream())
                .map(r -> "dev.culvert." + r + "..")
                .toArray(String[]::new);
        return noClasses()
                .that()
                .resideInAPackage("dev.culvert." + room + "..")
                .should()
                .dependOnClassesThat(resideInAnyPackage("dev.culvert..").and(resideOutsideOfPackages(rooms)));
    }

    /** What it is written down by is nobody else's to know; and none of it is loaded unless metrics are asked for. */
    @Test
    void onePackageKnowsTheLibraryOfMetrics() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.culvert.command.metrics..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.prometheus..")
                .check(house);
    }

    /** What differs by system is asked for in one place, and has the system in its package's name. */
    @Test
    void onePlaceKnowsTheOperatingSystem() {
        for (String system :
                List.of("dev.culvert.tun.linux..", "dev.culvert.tun.macos..", "dev.culvert.tun.windows..")) {
            noClasses()
                    .that()
                    .resideOutsideOfPackages(system)
                    .and()
                    .doNotHaveFullyQualifiedName("dev.culvert.tun.Platform")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage(system)
                    .check(house);
        }
    }

    /** Event loops are for all; what else is native of a Mac is in one package, and that uses nothing of Linux. */
    @Test
    void onlyThePackageOfMacosUsesWhatIsNativeThere() {
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.culvert.tun.macos..", "dev.culvert.tunnel.loop..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.netty.channel.kqueue..")
                .check(house);
        noClasses()
                .that()
                .resideInAPackage("dev.culvert.tun.macos..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.netty.channel.epoll..", "dev.culvert.tun.linux..")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("dev.culvert.tun.libc.LibC")
                .check(house);
    }

    @Test
    void roomsAreFreeOfCircles() {
        slices().matching("dev.culvert.(*)..").should().beFreeOfCycles().check(house);
    }

    /** A room's packages are many, but what they know of each other goes one way too. */
    @Test
    void packagesAreFreeOfCircles() {
        slices().assignedFrom(new SliceAssignment() {
                    @Override
                    public SliceIdentifier getIdentifierOf(JavaClass c) {
                        return SliceIdentifier.of(c.getPackageName());
                    }

                    @Override
                    public String getDescription() {
                        return "packages";
                    }
                })
                .should()
                .beFreeOfCycles()
                .check(house);
    }

    @Test
    void namesSayWhatThingsAre() {
        assertThat(EMPTY_WORDS.matcher("dev.culvert.RouteManager").find()).isTrue();
        assertThat(EMPTY_WORDS.matcher("dev.culvert.utils.Bits").find()).isTrue();
        assertThat(EMPTY_WORDS.matcher("dev.culvert.tun.UtilizationMeter").find())
                .isFalse();
        classes()
                .should(new ArchCondition<JavaClass>("have names without empty words") {
                    @Override
                    public void check(JavaClass c, ConditionEvents events) {
                        if (EMPTY_WORDS.matcher(c.getName()).find()) {
                            events.add(SimpleConditionEvent.violated(c, c.getName() + " says nothing in its name"));
                        }
                    }
                })
                .check(house);
    }

    @Test
    void publicClassesAreFinalOrMadeToBeExtended() {
        classes()
                .that()
                .arePublic()
                .and()
                .areTopLevelClasses()
                .and()
                .areNotInterfaces()
                .and()
                .doNotHaveModifier(JavaModifier.ABSTRACT)
                .and()
                .areNotEnums()
                .and()
                .haveSimpleNameNotStartingWith("package-info")
                .should()
                .haveModifier(JavaModifier.FINAL)
                .check(house);
    }

    @Test
    void theStackKnowsNoDeviceNoTunnelAndNoNativeCode() {
        noClasses()
                .that()
                .resideInAPackage("dev.culvert.stack..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("com.sun.jna..", "io.netty.channel.epoll..", "io.netty.channel.unix..")
                .check(house);
    }
}
