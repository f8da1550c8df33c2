# Of the command culvert, whose first word is a program, or a command of client.
_culvert() {
  local line=${COMP_LINE:0:COMP_POINT} words word
  read -ra words <<<"$line"
  case $line in *[[:space:]]) words+=('') ;; esac
  if [ "${#words[@]}" -gt 2 ]; then
    case ${words[1]} in
      client | agent | gateway | token)
        _culvert_reply "${words[1]}" "${words[0]}" "${words[1]}"
        return
        ;;
    esac
  fi
  _culvert_reply client "${words[0]}"
  [ "${#words[@]}" = 2 ] || return 0
  for word in client agent gateway token; do [[ $word != "${words[1]}"* ]] || COMPREPLY+=("$word"); done
}
complete -F _culvert culvert
