@echo off
rem Makes keys and tokens. See token --help.
setlocal EnableExtensions DisableDelayedExpansion
call "%~dp0launch.cmd" token
if errorlevel 1 exit /b 1
"%CULVERT_JAVA%" -Xmx64m -XX:TieredStopAtLevel=1 %CULVERT_OPTIONS% %CULVERT_JAVA_OPTS% -cp "%CULVERT_LIB%\*" dev.culvert.token.issue.TokenCommand %*
exit /b %ERRORLEVEL%
