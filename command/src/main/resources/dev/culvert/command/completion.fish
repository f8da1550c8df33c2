function __culvert_@PROGRAM@_words --description 'The words before the cursor that follow the name of @PROGRAM@'
    set -l words (commandline -opc)
    set -l first (string replace -r '.*/' '' -- $words[1])
    set -e words[1]
    if test "$first" = culvert
        if contains -- "$words[1]" client agent gateway token
            test "$words[1]" = @PROGRAM@; or return 1
            set -e words[1]
        else
            test @PROGRAM@ = client; or return 1
        end
    end
    printf '%s\n' $words
end
function __culvert_@PROGRAM@_place --description 'Which command of @PROGRAM@ it is that the cursor is at'
    set -l words (__culvert_@PROGRAM@_words); or begin
        echo none
        return
    end
    set -l place @PROGRAM@
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case '-*=*'
            case '-*'
                contains -- "$place $word" $__culvert_@PROGRAM@_valued; and set skip 1
            case '*'
                contains -- "$place $word" $__culvert_@PROGRAM@_commands; and set place "$place $word"
        end
    end
    echo $place
end
function __culvert_@PROGRAM@_targets --description 'What the program itself says of targets, behind LOCAL= where that was typed'
    set -l before (string match -r '^[^-].*=' -- (commandline -ct))
    for target in (__culvert_@PROGRAM@_ask targets)
        echo "$before$target"
    end
end
function __culvert_@PROGRAM@_ask --description 'What the program itself says'
    set -l first (commandline -opc)[1]
    if test (string replace -r '.*/' '' -- $first) = culvert
        $first @PROGRAM@ __complete $argv 2>/dev/null
    else
        $first __complete $argv 2>/dev/null
    end
end
