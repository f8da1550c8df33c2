# _culvert_reply PROGRAM RUN...: completes the last of the words before the cursor; RUN runs the program.
_culvert_reply() {
  local program=$1 place='' kind='' cur='' word
  local -a run all open
  shift
  run=("$@")
  _culvert_place "$program" "${(@)words[$#+1,CURRENT]}"
  case $cur in -*) ;; *) [[ ${words[CURRENT]} != -*=* && $kind != *':ask targets'* ]] || compset -P '*=' ;; esac
  case " $kind " in
    *' :ask '*)
      word=${${kind#*:ask }%% *}
      kind="${kind/:ask $word/} $("${run[@]}" __complete "$word" 2>/dev/null)"
      ;;
  esac
  for word in ${=kind}; do
    case $word in
      :file) _files ;;
      :*) ;;
      -*) [[ $cur != -* ]] || all+=("$word") ;;
      *:) open+=("$word") ;; # a host follows
      *) all+=("$word") ;;
    esac
  done
  compadd -a all
  compadd -S '' -a open
}
_culvert_@PROGRAM@() { _culvert_reply @PROGRAM@ "${words[1]}"; }
# Loaded by its name it is the body of a function, else it is sourced.
if [ "${funcstack[1]}" = _@PROGRAM@ ]; then _culvert_@PROGRAM@; else compdef _culvert_@PROGRAM@ @PROGRAM@; fi
