package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.NativeLibrary;
import dev.culvert.tun.fixture.CLibrary;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How functions of the registry are called, over a library with a small one: arguments, values of each form, and that keys are closed. */
@NullUnmarked
final class RegistryApiTest {
    private static final String LIBRARY = CLibrary.compile("registry").toString();

    private RegistryApi registry;

    private static int call(String function) {
        return NativeLibrary.getInstance(LIBRARY).getFunction(function).invokeInt(new Object[0]);
    }

    @BeforeEach
    void open() throws Exception {
        registry = RegistryApi.open(LIBRARY, LIBRARY, LIBRARY);
    }

    @AfterEach
    void noKeyIsOpen() throws Exception {
        registry.deleteKey("TEST");
        assertThat(call("FakeOpenKeys")).isZero();
    }

    @Test
    void whatIsSetIsReadBackInEachForm() throws Exception {
        for (RegistryValue value : List.of(
                new RegistryValue.Text("100.127.255.53;fd63::53"),
                new RegistryValue.Text(""),
                new RegistryValue.Texts(List.of(".corp.example", "corp.example")),
                new RegistryValue.Texts(List.of()),
                new RegistryValue.Number(8),
                new RegistryValue.Number(-1))) {
            registry.set("TEST\\A\\B", "Value", value);
            assertThat(registry.value("test\\a\\b", "value")).isEqualTo(value);
        }
    }

    @Test
    void whatIsNotThereIsNoError() throws Exception {
        assertThat(registry.keys("TEST")).isEmpty();
        assertThat(registry.value("TEST", "Value")).isNull();
        registry.set("TEST", "Value", new RegistryValue.Number(1));
        assertThat(registry.value("TEST", "Other")).isNull();
        registry.deleteValue("TEST", "Other");
        registry.deleteValue("TEST\\A", "Value");
        registry.deleteKey("TEST\\A");
        registry.deleteValue("TEST", "Value");
        assertThat(registry.value("TEST", "Value")).isNull();
    }

    @Test
    void keysRightBelowAreNamed() throws Exception {
        registry.set("TEST\\{1}", "Value", new RegistryValue.Number(1));
        registry.set("TEST\\{2}\\Deeper", "Value", new RegistryValue.Number(1));
        assertThat(registry.keys("TEST")).containsExactlyInAnyOrder("{1}", "{2}");
        registry.deleteKey("TEST\\{2}");
        assertThat(registry.keys("TEST")).containsExactly("{1}");
        assertThat(registry.keys("TEST\\{2}")).isEmpty();
    }

    @Test
    void whatWindowsRefusesIsSaidInOneLine() {
        assertThatThrownBy(() -> registry.set("LOCKED\\A", "Value", new RegistryValue.Number(1)))
                .hasMessage(
                        "use HKLM\\LOCKED\\A of the registry: access is denied (Windows error 5); run this in a prompt"
                                + " that was opened as administrator");
        assertThatThrownBy(() -> registry.keys("LOCKED")).hasMessageContaining("HKLM\\LOCKED of the registry");
    }

    /** Others write values, too: without zeros at their end, of odd length, of forms that are not used here. */
    @Test
    void valuesOfOthersAreReadAsFarAsTheyGo() {
        byte[] unterminated = "a.example".getBytes(StandardCharsets.UTF_16LE);
        assertThat(RegistryValue.of(1, unterminated)).isEqualTo(new RegistryValue.Text("a.example"));
        assertThat(RegistryValue.of(7, unterminated)).isEqualTo(new RegistryValue.Texts(List.of("a.example")));
        assertThat(RegistryValue.of(7, new byte[] {'a', 0, 0, 0, 'b', 0, 0}))
                .isEqualTo(new RegistryValue.Texts(List.of("a", "b")));
        assertThat(RegistryValue.of(7, new byte[0])).isEqualTo(new RegistryValue.Texts(List.of()));
        assertThat(RegistryValue.of(4, new byte[3])).isNull();
        assertThat(RegistryValue.of(3, new byte[8])).isNull();
    }

    @Test
    void policyIsReadAnewAndWindowsSaysWhereItsProgramsAre() throws Exception {
        int before = call("FakeRefreshed");
        registry.refreshPolicy();
        assertThat(call("FakeRefreshed")).isEqualTo(before + 1);
        assertThat(registry.systemDirectory()).isEqualTo("C:\\Windows\\system32");
    }

    /** The interface's key is named by the very GUID that the adapter was made with. */
    @Test
    void anAdaptersGuidIsWrittenAsWindowsDoes() {
        byte[] guid = AdapterGuid.of("culvert0");
        assertThat(HexFormat.of().formatHex(guid)).isEqualTo("6de670f48c6a9b8b8f0de2ec0704f860");
        assertThat(AdapterGuid.text("culvert0")).isEqualTo("{F470E66D-6A8C-8B9B-8F0D-E2EC0704F860}");
    }
}
