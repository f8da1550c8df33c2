package dev.culvert.token.holder;

import dev.culvert.address.proxy.Proxy;
import dev.culvert.text.Printable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options {@code --proxy} and {@code --proxy-user-file}, for use as a picocli mixin. No option takes the password itself. */
public final class ProxyOptions {
    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--proxy",
            paramLabel = "URL",
            description = {
                "Reach the gateways through this proxy: http://HOST:PORT, https://HOST:PORT, socks5://HOST:PORT, or none.",
                "Default: what 'login --proxy' keeps with the token, else HTTPS_PROXY, ALL_PROXY and NO_PROXY of the environment,"
                        + " which sudo drops."
            })
    @Nullable
    String proxy;

    @Option(
            names = "--proxy-user-file",
            paramLabel = "FILE",
            description = "File whose first line is the USER:PASSWORD that the proxy of --proxy asks for.")
    @Nullable
    String userFile;

    /** Used by picocli. */
    public ProxyOptions() {}

    /**
     * What is said here.
     *
     * @return null when nothing is
     * @throws SecretException if the file cannot be used
     */
    @Nullable
    KeptProxy said() throws SecretException {
        String url = proxy;
        if (url == null) {
            if (userFile != null) {
                throw new ParameterException(
                        spec.commandLine(), "--proxy-user-file: say with --proxy whose user it is");
            }
            return null;
        }
        if (url.strip().equals(Proxy.NONE)) {
            return KeptProxy.NONE;
        }
        Proxy parsed;
        try {
            parsed = Proxy.parse(url);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--proxy: " + e.getMessage());
        }
        if (parsed.login() != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--proxy: a password is on the command line, where every user of this machine can read it: put"
                            + " USER:PASSWORD into a file, and name that with --proxy-user-file");
        }
        return new KeptProxy(userFile == null ? parsed : parsed.withLogin(login(userFile)));
    }

    private static Proxy.Login login(String file) throws SecretException {
        try {
            return Proxy.Login.parse(new String(SecretSource.password(file)));
        } catch (IllegalArgumentException e) {
            throw new SecretException("password file " + Printable.shorten(file) + ": " + e.getMessage(), e);
        }
    }
}
