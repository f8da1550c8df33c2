@echo off
rem The public hub. See gateway --help.
setlocal EnableExtensions DisableDelayedExpansion
call "%~dp0launch.cmd" gateway
if errorlevel 1 exit /b 1
"%CULVERT_JAVA%" -Xms24m -Xmx512m -XX:NewSize=4m -XX:MaxNewSize=24m -XX:MaxDirectMemorySize=2g %CULVERT_OPTIONS% %CULVERT_JAVA_OPTS% -cp "%CULVERT_LIB%\*" dev.culvert.gateway.command.GatewayCommand %*
exit /b %ERRORLEVEL%
