# Completion of port-linker for bash; made by port_linker.cli.reference. Use: eval "$(port-linker completion bash)"
_port_linker_hosts() {
    awk 'tolower($1) == "host" { for (i = 2; i <= NF; i++) if ($i ~ /^[A-Za-z0-9._@-]+$/) print $i }' "$HOME/.ssh/config" 2>/dev/null
}

_port_linker() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local verb="" word place words=""
    for ((place = 1; place < COMP_CWORD; place++)); do
        word=${COMP_WORDS[place]}
        case $word in
            --only|--skip|--allow|--max-services|--map|--on-conflict|--ssh-option|-o|--ssh-port|-p|--ssh-user|-l|--ssh-jump|-J|--ssh-identity|-i|--ssh-config|-F|--target-python|--lease|--outage-wait|--link|--udp-port|--log-file) ((place++)) ;;
            -*) ;;
            *) verb=$word; break ;;
        esac
    done
    COMPREPLY=()
    case $previous in
        --on-conflict) COMPREPLY=($(compgen -W "ask kill remap skip" -- "$current")); return ;;
        --ssh-identity|-i) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --ssh-config|-F) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --link) COMPREPLY=($(compgen -W "auto stdio quic" -- "$current")); return ;;
        --log-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --only|--skip|--allow|--max-services|--map|--on-conflict|--ssh-option|-o|--ssh-port|-p|--ssh-user|-l|--ssh-jump|-J|--ssh-identity|-i|--ssh-config|-F|--target-python|--lease|--outage-wait|--link|--udp-port|--log-file) return ;;
    esac
    case $verb in
        connect) words="--only --skip --allow --all-users --max-services --map --on-conflict --own-user-only --hold --ssh-option -o --ssh-port -p --ssh-user -l --ssh-jump -J --ssh-identity -i --ssh-config -F --target-python --lease --outage-wait --link --udp-port --json --plain --no-input --no-color --verbose -v --log-file --help $(_port_linker_hosts)" ;;
        demo) words="--json --plain --no-input --no-color --verbose -v --log-file --once --help" ;;
        doctor) words="--ssh-option -o --ssh-port -p --ssh-user -l --ssh-jump -J --ssh-identity -i --ssh-config -F --target-python --link --udp-port --json --no-input --no-color --verbose -v --log-file --help $(_port_linker_hosts)" ;;
        completion) words="--help bash zsh fish" ;;
        config) words="--json --forget --help remembered" ;;
        schema) words="--help" ;;
        version) words="--json --help" ;;
        help) words="--help connect demo doctor completion config schema version help" ;;
        "") words="connect demo doctor completion config schema version help $(_port_linker_hosts) --only --skip --allow --all-users --max-services --map --on-conflict --own-user-only --hold --ssh-option -o --ssh-port -p --ssh-user -l --ssh-jump -J --ssh-identity -i --ssh-config -F --target-python --lease --outage-wait --link --udp-port --json --plain --no-input --no-color --verbose -v --log-file --help" ;;
        *) words="--only --skip --allow --all-users --max-services --map --on-conflict --own-user-only --hold --ssh-option -o --ssh-port -p --ssh-user -l --ssh-jump -J --ssh-identity -i --ssh-config -F --target-python --lease --outage-wait --link --udp-port --json --plain --no-input --no-color --verbose -v --log-file --help" ;;
    esac
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -W "$words" -- "$current")
}
complete -F _port_linker port-linker
