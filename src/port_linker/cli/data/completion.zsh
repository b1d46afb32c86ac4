#compdef port-linker
# Completion of port-linker for zsh; made by port_linker.cli.reference. Use: port-linker completion zsh > a directory of $fpath/_port-linker
_port_linker_hosts() {
    local -a hosts
    hosts=(${(f)"$(awk 'tolower($1) == "host" { for (i = 2; i <= NF; i++) if ($i ~ /^[A-Za-z0-9._@-]+$/) print $i }' "$HOME/.ssh/config" 2>/dev/null)"})
    _describe 'host' hosts
}

_port_linker() {
    local -a verbs
    local place=2 verb=""
    while (( place < CURRENT )); do
        case $words[place] in
            (--only|--skip|--allow|--max-services|--map|--on-conflict|--ssh-option|--target-python|--lease|--link|--udp-port|--log-file) (( place++ )) ;;
            (-*) ;;
            (*) verb=$words[place]; break ;;
        esac
        (( place++ ))
    done
    verbs=(
        'connect:Mirror the services of HOST on this machine'\''s localhost.'
        'demo:Try it here and now: a target of its own, nothing to set up.'
        'doctor:Check each stage on the way to HOST and say what to do.'
        'completion:Print a completion script for your shell.'
        'schema:Print the JSON Schema of the --json lines.'
        'version:Print the version.'
        'help:Explain a verb.'
    )
    if [[ -z $verb && $words[CURRENT] != -* ]]; then
        _describe 'verb' verbs
        _port_linker_hosts
        return
    fi
    case $verb in
        (connect) _arguments -S '*--only[Mirror nothing but these services\: PORT, PORT-PORT, either with /tcp or /udp, ADDRESS\:PORT, or a process name with * as a wildcard; separate with commas, or repeat the option.]:RULES:' '*--skip[Leave these services out; wins over --only. Written as for --only.]:RULES:' '*--allow[Mirror these though they are left out by default, such as ssh itself, or a port of this machine'\''s ephemeral range. Written as for --only.]:RULES:' '*--all-users[Mirror other people'\''s services too, not only yours, the system'\''s and containers'\''.]' '*--max-services[Mirror at most this many services at once; the rest waits for room.]:NUMBER:' '*--map[Give a service another port here\: the port on HOST first, then the one on this machine (80\:8080; 53\:5353/udp). Separate with commas, or repeat the option.]:REMOTE LOCAL:' '*--on-conflict[What to do when a port is already used on this machine\: ask you; kill the process that holds it (only for ports named with --only); remap the service to another port; skip it. Without somebody to ask, ask means skip.]:WHAT:(ask kill remap skip)' '*--own-user-only[Refuse connections that other users of this machine make to the mirrored ports.]' '*--ssh-option[Pass an option to ssh, as ssh -o does (ProxyJump=bastion). Repeat for more.]:OPTION:' '*--target-python[The Python to use on HOST (3.9 or newer), if the usual names do not find it.]:PATH:' '*--lease[How long the agent on HOST keeps open connections alive when it hears nothing from this machine, in seconds.]:SECONDS:' '*--link[What carries the bytes\: auto begins over ssh and moves to QUIC once that answers; stdio stays with ssh; quic ends the session if QUIC does not come up, and is a failure for the doctor then.]:WHICH:(auto stdio quic)' '*--udp-port[The UDP port that QUIC uses on HOST, or a range of which the first free one is taken; 60000-61000 unless told otherwise.]:PORT:' '*--json[Print JSON for scripts\: one object per line and change (port-linker schema explains).]' '*--plain[Print a line per change instead of the live table.]' '*--no-input[Ask nothing. Also set by CI=true, or without a terminal.]' '*--no-color[Print no colours. Also set by NO_COLOR.]' '*--verbose[Show the log on stderr too; twice for all of it.]' '*-v[Show the log on stderr too; twice for all of it.]' '*--log-file[Write the log there instead of the usual place.]:PATH:_files' ':verb:' ':host:_port_linker_hosts' ;;
        (demo) _arguments -S '*--json[Print JSON for scripts\: one object per line and change (port-linker schema explains).]' '*--plain[Print a line per change instead of the live table.]' '*--no-input[Ask nothing. Also set by CI=true, or without a terminal.]' '*--no-color[Print no colours. Also set by NO_COLOR.]' '*--verbose[Show the log on stderr too; twice for all of it.]' '*-v[Show the log on stderr too; twice for all of it.]' '*--log-file[Write the log there instead of the usual place.]:PATH:_files' '*--once[Leave when the demo is done; the exit code is 0 only if all of it worked.]' ;;
        (doctor) _arguments -S '*--ssh-option[Pass an option to ssh, as ssh -o does (ProxyJump=bastion). Repeat for more.]:OPTION:' '*--target-python[The Python to use on HOST (3.9 or newer), if the usual names do not find it.]:PATH:' '*--link[What carries the bytes\: auto begins over ssh and moves to QUIC once that answers; stdio stays with ssh; quic ends the session if QUIC does not come up, and is a failure for the doctor then.]:WHICH:(auto stdio quic)' '*--udp-port[The UDP port that QUIC uses on HOST, or a range of which the first free one is taken; 60000-61000 unless told otherwise.]:PORT:' '*--json[Print JSON for scripts\: one object per line and change (port-linker schema explains).]' '*--no-input[Ask nothing. Also set by CI=true, or without a terminal.]' '*--no-color[Print no colours. Also set by NO_COLOR.]' '*--verbose[Show the log on stderr too; twice for all of it.]' '*-v[Show the log on stderr too; twice for all of it.]' '*--log-file[Write the log there instead of the usual place.]:PATH:_files' ':verb:' ':host:_port_linker_hosts' ;;
        (completion) _arguments -S '--help[explain]' ':verb:' ':word:(bash zsh fish)' ;;
        (schema) _arguments -S '--help[explain]' ;;
        (version) _arguments -S '*--json[Print JSON for scripts\: one object per line and change (port-linker schema explains).]' ;;
        (help) _arguments -S '--help[explain]' ':verb:' ':word:(connect demo doctor completion schema version help)' ;;
        (*) _arguments -S '*--only[Mirror nothing but these services\: PORT, PORT-PORT, either with /tcp or /udp, ADDRESS\:PORT, or a process name with * as a wildcard; separate with commas, or repeat the option.]:RULES:' '*--skip[Leave these services out; wins over --only. Written as for --only.]:RULES:' '*--allow[Mirror these though they are left out by default, such as ssh itself, or a port of this machine'\''s ephemeral range. Written as for --only.]:RULES:' '*--all-users[Mirror other people'\''s services too, not only yours, the system'\''s and containers'\''.]' '*--max-services[Mirror at most this many services at once; the rest waits for room.]:NUMBER:' '*--map[Give a service another port here\: the port on HOST first, then the one on this machine (80\:8080; 53\:5353/udp). Separate with commas, or repeat the option.]:REMOTE LOCAL:' '*--on-conflict[What to do when a port is already used on this machine\: ask you; kill the process that holds it (only for ports named with --only); remap the service to another port; skip it. Without somebody to ask, ask means skip.]:WHAT:(ask kill remap skip)' '*--own-user-only[Refuse connections that other users of this machine make to the mirrored ports.]' '*--ssh-option[Pass an option to ssh, as ssh -o does (ProxyJump=bastion). Repeat for more.]:OPTION:' '*--target-python[The Python to use on HOST (3.9 or newer), if the usual names do not find it.]:PATH:' '*--lease[How long the agent on HOST keeps open connections alive when it hears nothing from this machine, in seconds.]:SECONDS:' '*--link[What carries the bytes\: auto begins over ssh and moves to QUIC once that answers; stdio stays with ssh; quic ends the session if QUIC does not come up, and is a failure for the doctor then.]:WHICH:(auto stdio quic)' '*--udp-port[The UDP port that QUIC uses on HOST, or a range of which the first free one is taken; 60000-61000 unless told otherwise.]:PORT:' '*--json[Print JSON for scripts\: one object per line and change (port-linker schema explains).]' '*--plain[Print a line per change instead of the live table.]' '*--no-input[Ask nothing. Also set by CI=true, or without a terminal.]' '*--no-color[Print no colours. Also set by NO_COLOR.]' '*--verbose[Show the log on stderr too; twice for all of it.]' '*-v[Show the log on stderr too; twice for all of it.]' '*--log-file[Write the log there instead of the usual place.]:PATH:_files' ;;
    esac
}
if [[ $funcstack[1] == _port_linker ]]; then
    _port_linker "$@"
else
    compdef _port_linker port-linker
fi
