# _culvert_place PROGRAM WORDS...: of the last of the words that follow a program's name says what it may be ($kind), what of it
# there is ($cur), and which command it belongs to ($place). For bash and zsh.
_culvert_place() {
  local program=$1 word option=''
  place=$1
  shift
  while [ $# -gt 1 ]; do
    word=$1
    shift
    if [ -n "$option" ]; then
      option=''
      continue
    fi
    case $word in
      -*=*) ;;
      -*) [ -z "$("_culvert_${program}_value" "$place" "$word")" ] || option=$word ;;
      *)
        case " $("_culvert_${program}_words" "$place") " in
          *" $word "*) place="$place $word" ;;
        esac
        ;;
    esac
  done
  cur=$1
  if [ -n "$option" ]; then
    kind=$("_culvert_${program}_value" "$place" "$option")
    return
  fi
  case $cur in
    -*=*) kind=$("_culvert_${program}_value" "$place" "${cur%%=*}") cur=${cur#*=} ;;
    -*) kind=$("_culvert_${program}_words" "$place") ;;
    *) kind="$("_culvert_${program}_value" "$place" '') $("_culvert_${program}_words" "$place")" ;;
  esac
  # Of LOCAL=TARGET it is the latter that can be said.
  case $kind in *':ask targets'*) cur=${cur##*=} ;; esac
}
