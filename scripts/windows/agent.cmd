@echo off
rem Serves a LAN to clients, without privileges. See agent --help.
setlocal EnableExtensions DisableDelayedExpansion
call "%~dp0launch.cmd" agent
if errorlevel 1 exit /b 1
"%CULVERT_JAVA%" -Xms24m -Xmx256m -XX:NewSize=4m -XX:MaxNewSize=24m -XX:MaxDirectMemorySize=1g %CULVERT_OPTIONS% %CULVERT_JAVA_OPTS% -cp "%CULVERT_LIB%\*" dev.culvert.agent.AgentCommand %*
exit /b %ERRORLEVEL%
