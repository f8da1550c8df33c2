@echo off
rem client up, client down: brings this machine into the networks behind agents. See client --help.
setlocal EnableExtensions DisableDelayedExpansion
call "%~dp0launch.cmd" client
if errorlevel 1 exit /b 1
"%CULVERT_JAVA%" -Xms24m -Xmx256m -XX:NewSize=4m -XX:MaxNewSize=24m -XX:MaxDirectMemorySize=1g %CULVERT_OPTIONS% %CULVERT_JAVA_OPTS% -cp "%CULVERT_LIB%\*" dev.culvert.client.ClientCommand %*
exit /b %ERRORLEVEL%
