# _culvert_reply PROGRAM RUN...: completes the last of the words before the cursor; RUN runs the program.
_culvert_reply() {
  local program=$1 place='' kind='' cur='' word words
  shift
  # Not COMP_WORDS: what is apart there depends on whether somebody counts : and = among what divides words.
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  case ${COMP_LINE:0:COMP_POINT} in *[[:space:]]) words+=('') ;; esac
  _culvert_place "$program" "${words[@]:$#}"
  COMPREPLY=()
  case " $kind " in
    *' :file '*)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      ;;
    *' :ask '*)
      word=${kind#*:ask }
      kind="${kind/:ask ${word%% *}/} $("$@" __complete "${word%% *}" 2>/dev/null)"
      ;;
  esac
  # Not compgen -W, which would run what is in the words.
  read -rd '' -a words <<<"$kind"
  for word in "${words[@]}"; do
    case $word in
      :*) ;;
      # Options are many; they are shown to who has begun one.
      -*) [[ $cur != -* || $word != "$cur"* ]] || COMPREPLY+=("$word") ;;
      *:)
        [[ $word == "$cur"* ]] || continue
        compopt -o nospace 2>/dev/null # a host follows
        COMPREPLY+=("$word")
        ;;
      "$cur"*) COMPREPLY+=("$word") ;;
    esac
  done
  # bash replaces what follows the last of these only, where it counts them among what divides words.
  local before=''
  [[ $cur != *:* || $COMP_WORDBREAKS != *:* ]] || before=${cur%"${cur##*:}"}
  COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
_culvert_@PROGRAM@() { _culvert_reply @PROGRAM@ "${COMP_WORDS[0]}"; }
complete -F _culvert_@PROGRAM@ @PROGRAM@
