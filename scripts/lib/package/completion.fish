# Of the command culvert, whose first word is a program, or a command of client.
complete -c culvert -f
complete -c culvert -n '__fish_use_subcommand' -a 'client agent gateway token' -d 'Program'
for program in client agent gateway token
    complete -c culvert -w $program
end
