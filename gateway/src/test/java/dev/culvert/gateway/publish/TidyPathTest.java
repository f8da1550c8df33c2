package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.policy.publication.Publication;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class TidyPathTest {
    private static final Published OPEN = new Published("office", Publication.parse("a.example=http://app"), false);
    private static final Published CLOSED =
            new Published("office", Publication.parse("a.example/admin=http://app,allow=10.0.0.0/8"), false);
    private final PublicationTable table =
            new PublicationTable(List.of(OPEN, CLOSED), Set.of(), Set.of(), PublicationTable.EMPTY, System::nanoTime);

    @ParameterizedTest
    @CsvSource({
        "/, /",
        "/a/b, /a/b",
        "//a///b/, /a/b/",
        "/%61%2Fb?x=%61, /a/b",
        "/a;x=1/b;y, /a/b",
        "/a%3bx/b, /a/b",
        "/%zz%4, /%zz%4",
        "'/a\\b', /a/b",
        "/%5c%5Ca, /a",
        "/%2561, /%61",
    })
    void asTheMostGenerousServerReadsIt(String path, String tidied) {
        assertThat(TidyPath.of(path)).isEqualTo(tidied);
    }

    /** The open publication's target may well serve these as what is published with limits of its own. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "/%61dmin/users",
                "//admin/users",
                "/admin;x/users",
                "/admin%2fusers",
                "/;/admin",
                "/%2f/admin?x",
                "/\\admin",
            })
    void aPathThatCouldBeAnotherPublicationsIsNobodys(String path) {
        assertThat(table.web("a.example", path)).isNull();
    }

    @Test
    void whateverElseIsSpeltOddlyPasses() {
        assertThat(table.web("a.example", "/x//y;z/%61")).isSameAs(OPEN);
        assertThat(table.web("a.example", "/adminx")).isSameAs(OPEN);
        assertThat(table.web("a.example", "/x/%61dmin")).isSameAs(OPEN);
        assertThat(table.web("a.example", "/admin//x;y/%20")).isSameAs(CLOSED);
        assertThat(table.web("a.example", "/admin?next=//")).isSameAs(CLOSED);
    }
}
