# Puts into the hand-over folder what the user's container starts with. The container `stage` runs this as its
# postStart hook: the user's container, which has nothing of ours in its image, is started after that.
#
# usage: busybox sh prepare.sh [FOLDER]
set -eu
umask 0
here=${0%/*}
handoff=${1:-/kontinuous/handoff}
busybox=$here/busybox

"$busybox" cp "$busybox" "$here/user.sh" "$handoff/"
"$busybox" chmod 0755 "$handoff/busybox" "$handoff/user.sh"

# The pipes get a folder of their own, for the user's container may run as any user: all may write here, and there
# is no sticky bit, under which Linux refuses to open a pipe of somebody else's. Its name appears when all is ready.
# A launcher that was started again may run this twice.
[ -d "$handoff/pipes" ] && exit
"$busybox" rm -rf "$handoff/pipes.new"
"$busybox" mkdir "$handoff/pipes.new"
"$busybox" mkfifo "$handoff/pipes.new/go" "$handoff/pipes.new/output" "$handoff/pipes.new/exit"
"$busybox" mv "$handoff/pipes.new" "$handoff/pipes"
