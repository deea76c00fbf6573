# The first process of the user's container: waits until the stage says go, runs the user's command, and tells the
# stage its output and its exit code. The image may lack anything, a shell included: all that is called here is the
# static busybox beside this file.
#
# usage: busybox sh user.sh COMMAND [ARGUMENT]...
#
# In pipes/: `go` brings words from the stage (go, stop), `output` takes what the command writes, `exit` its exit code;
# `env` holds the stage's params as words 'NAME=value', quoted for the shell. A file `stop` beside pipes/ says that
# the stage is gone.
here=${0%/*}
busybox=$here/busybox
pipes=$here/pipes
STOPPED=143 # 128 + SIGTERM
NOT_FOUND=127

# The shell cannot pass a signal on while it waits for a command in the foreground; and one in the background would
# have SIGINT and SIGQUIT ignored, with all its children. So the command runs in the foreground, and is told to stop
# by the stage, which gets the pod's SIGTERM at the same moment, and the word `stop` brings it here.
trap : TERM INT HUP

# Opened for both directions, this never blocks; only then is it safe to look whether the stage is gone.
exec 3<>"$pipes/go"
word=stop
[ -e "$here/stop" ] || read -r word <&3
[ "$word" = go ] || exit "$STOPPED"

# Held until the end: while it is open, this process lives.
exec 4>"$pipes/output"

# Prints each argument quoted for the shell, whatever bytes it has; q is a single quote.
QUOTE='for word; do
    done=
    while :; do
        case $word in
            *"$q"*) done=$done${word%%"$q"*}$q\\$q$q; word=${word#*"$q"} ;;
            *) break ;;
        esac
    done
    printf "%s" "$q$done$word$q "
done'

# Prints where the folders in `search` have a program.
locate() (
    IFS=:
    set -f
    for folder in $search; do
        file=${folder:-.}/$1
        [ -f "$file" ] && [ -x "$file" ] && printf '%s' "$file" && exit
    done
)

# Ends the command when the stage says so.
listen() {
    while read -r word <&3; do
        [ "$word" = stop ] || continue
        until read -r pid <"$pipes/pid"; do "$busybox" sleep 0.1; done
        "$busybox" kill -TERM "$pid"
    done
}

# Becomes the command; called in a process of its own, with NAME=VALUE... COMMAND [ARGUMENT]...
become() {
    read -r pid _ </proc/self/stat
    echo "$pid" >"$pipes/pid"
    exec "$busybox" env -i -- "$@"
}

finish() {
    echo "$1" 1<>"$pipes/exit"
    exit "$1"
}

# The container's own variables, as it was started with: a shell drops those whose names it does not like.
inherited=$(q="'" "$busybox" xargs -0 -r "$busybox" sh -c "$QUOTE" sh <"/proc/$$/environ")
params=$("$busybox" cat "$pipes/env")
"$busybox" rm -f "$pipes/env"

# busybox runs its own program wherever it has one of that name, and the image's is wanted: that one is called by
# its path. A name with a = would be taken for a variable.
case $1 in
    *=*) set -- "$busybox" sh -c 'exec "$@"' sh "$@" ;;
    */* | '') ;;
    *)
        if "$busybox" --list | "$busybox" grep -qxF -e "$1"; then
            search=$PATH
            eval "for word in $params; do case \$word in PATH=*) search=\${word#PATH=} ;; esac; done"
            file=$(locate "$1")
            if [ -z "$file" ]; then
                echo "$1: not found in $search" >&4
                finish "$NOT_FOUND"
            fi
            shift
            set -- "$file" "$@"
        fi
        ;;
esac

listen >/dev/null 2>&1 4>&- &
eval "set -- $inherited $params \"\$@\""
(become "$@") >&4 2>&1 3>&- 4>&-
code=$?
"$busybox" kill -KILL "$!"
finish "$code"
