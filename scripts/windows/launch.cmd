rem Finds the newest Java, 17 or later, and what each of Culvert's programs is started with. Called by client.cmd, agent.cmd, gateway.cmd and
rem token.cmd, which hand over their name and use CULVERT_JAVA, CULVERT_LIB and CULVERT_OPTIONS; never run. Arguments of theirs do not pass
rem through here, as call would change some of their characters. Paths are in no block of parentheses: they may have some themselves.

rem In an installation this is bin\launch.cmd, in the sources scripts\windows\launch.cmd.
if defined CULVERT_LIB goto placed
set "CULVERT_LIB=%~dp0..\lib"
if not exist "%CULVERT_LIB%\client-*.jar" set "CULVERT_LIB=%~dp0..\..\target\culvert\lib"
:placed
if exist "%CULVERT_LIB%\client-*.jar" goto built
>&2 echo %~1: nothing is in "%CULVERT_LIB%"; unpack Culvert again, or build it
exit /b 1

:built
set CULVERT_JAVA=
set CULVERT_FOUND=16
if not defined CULVERT_JAVA_HOME goto search
rem Somebody who names one means it.
call :consider "%CULVERT_JAVA_HOME%"
if defined CULVERT_JAVA goto found
>&2 echo %~1: CULVERT_JAVA_HOME is "%CULVERT_JAVA_HOME%", where there is no Java 17 or later; correct it (it holds bin\java.exe and release) or unset it
exit /b 1

:search
rem An installation that brings its own was tried with that.
call :consider "%~dp0..\runtime"
if defined CULVERT_JAVA goto found
if defined JAVA_HOME call :consider "%JAVA_HOME%"
for %%k in ("JavaSoft\JDK" "JavaSoft\JRE" "Eclipse Adoptium" "Microsoft\JDK" "Azul Systems\Zulu") do for /f "tokens=2,*" %%a in ('%SystemRoot%\System32\reg.exe query "HKLM\SOFTWARE\%%~k" /s 2^>nul ^| %SystemRoot%\System32\findstr.exe /r /c:"^ *JavaHome " /c:"^ *Path " /c:"^ *InstallationPath "') do call :consider "%%b"
for /d %%d in ("%ProgramFiles%\Java\*" "%ProgramFiles%\Eclipse Adoptium\*" "%ProgramFiles%\Microsoft\jdk-*" "%ProgramFiles%\Amazon Corretto\*" "%ProgramFiles%\Zulu\*") do call :consider "%%~d"
for %%p in (java.exe) do set "CULVERT_ON_PATH=%%~dp$PATH:p"
if defined CULVERT_ON_PATH call :consider "%CULVERT_ON_PATH%.."
if defined CULVERT_JAVA goto found
>&2 echo %~1: no Java 17 or later found; install one (64-bit) or set CULVERT_JAVA_HOME
exit /b 1

rem consider HOME: it is the one if it is newer than what was found so far. Reads its release file: starting it costs.
:consider
if not exist "%~1\bin\java.exe" exit /b 0
if not exist "%~1\release" exit /b 0
set CULVERT_VERSION=
for /f "usebackq tokens=1,2 delims==" %%a in ("%~1\release") do if "%%a"=="JAVA_VERSION" set "CULVERT_VERSION=%%~b"
if not defined CULVERT_VERSION exit /b 0
for /f "delims=.-+_ " %%m in ("%CULVERT_VERSION%") do set "CULVERT_VERSION=%%m"
set /a CULVERT_VERSION=CULVERT_VERSION 2>nul
if %CULVERT_VERSION% leq %CULVERT_FOUND% exit /b 0
set CULVERT_FOUND=%CULVERT_VERSION%
set "CULVERT_JAVA=%~1\bin\java.exe"
exit /b 0

:found
rem Why each: scripts/lib/launch.sh.
set CULVERT_OPTIONS=-XX:+UseSerialGC -Xss512k -XX:+ExitOnOutOfMemoryError -Xlog:disable -XX:+PerfDisableSharedMem
set CULVERT_OPTIONS=%CULVERT_OPTIONS% -Dculvert.bin="%~dp0." -Dfile.encoding=UTF-8
set CULVERT_OPTIONS=%CULVERT_OPTIONS% -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.allocator.type=pooled -Dio.netty.jfr.enabled=false -Dio.netty.leakDetection.level=disabled
set CULVERT_OPTIONS=%CULVERT_OPTIONS% --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/jdk.internal.misc=ALL-UNNAMED
if %CULVERT_FOUND% geq 22 set CULVERT_OPTIONS=%CULVERT_OPTIONS% --enable-native-access=ALL-UNNAMED
if %CULVERT_FOUND% geq 24 set CULVERT_OPTIONS=%CULVERT_OPTIONS% --sun-misc-unsafe-memory-access=allow
exit /b 0
