package dev.culvert.text.logback;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;

/**
 * How the programs log: to standard error, from the level on that -Dculvert.log or CULVERT_LOG names (INFO). In Java, for to read a
 * file of XML takes a fifth of the time in which a program starts. Only what a launcher started is set up so, and
 * only without a file of somebody's own (-Dlogback.configurationFile).
 */
@ConfiguratorRank(ConfiguratorRank.CUSTOM_HIGH_PRIORITY)
public final class LogSetup extends ContextAwareBase implements Configurator {
    @Override
    public ExecutionStatus configure(LoggerContext context) {
        if (System.getProperty("culvert.bin") == null || System.getProperty("logback.configurationFile") != null) {
            return ExecutionStatus.NEUTRAL;
        }
        String level = System.getProperty("culvert.log", System.getenv("CULVERT_LOG"));
        setUp(context, Level.toLevel(level, Level.INFO));
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    static void setUp(LoggerContext context, Level level) {
        LogLines lines = new LogLines();
        lines.setContext(context);
        lines.start();
        ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
        appender.setContext(context);
        appender.setTarget("System.err");
        appender.setEncoder(lines);
        appender.start();
        context.getLogger("io.netty").setLevel(Level.WARN);
        // Its warnings are one for each peer that does not read when it is cut off; what became of the link is told
        // anyway.
        context.getLogger("io.netty.handler.ssl.SslHandler").setLevel(Level.ERROR);
        context.getLogger("org.jose4j").setLevel(Level.WARN);
        Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        root.setLevel(level);
        root.addAppender(appender);
    }
}
