# Of the command culvert, whose first word is a program, or a command of client.
_culvert_any() {
  case ${words[1]:t}:${words[2]} in
    culvert:client | culvert:agent | culvert:gateway | culvert:token)
      if [ "$CURRENT" -gt 2 ]; then
        _culvert_reply "${words[2]}" "${words[1]}" "${words[2]}"
        return
      fi
      ;;
    client:* | agent:* | gateway:* | token:*)
      _culvert_reply "${words[1]:t}" "${words[1]}"
      return
      ;;
  esac
  [ "$CURRENT" -gt 2 ] || compadd client agent gateway token
  _culvert_reply client "${words[1]}"
}
if [ "${funcstack[1]}" = _culvert ]; then _culvert_any; else compdef _culvert_any culvert client agent gateway token; fi
